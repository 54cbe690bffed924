import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { MailFollowed } from './events.ts'

type MailFollowedEvent = EventOf<typeof MailFollowed>

/** Each batch of followed mail is a fact in a stream of its own, and nothing follows from it. */
export const mailFollowed: Decider<null, MailFollowedEvent['data'], MailFollowedEvent> = {
  initial: null,
  evolve: () => null,
  decide: (batch) => [MailFollowed(batch)],
}
