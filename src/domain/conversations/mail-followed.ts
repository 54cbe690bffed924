import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { MailFollowed } from './events.ts'

type MailFollowedEvent = EventOf<typeof MailFollowed>
type Followed = Pick<MailFollowedEvent['data'], 'mail' | 'threadChanges'>

const isIn = (one: Followed, other: Followed): boolean =>
  one.mail.every((id) => other.mail.includes(id)) &&
  one.threadChanges.every((change) => other.threadChanges.includes(change))

/** That something was followed which is recorded in no conversation. */
export const mailFollowed: Decider<Followed, MailFollowedEvent['data'], MailFollowedEvent> = {
  initial: { mail: [], threadChanges: [] },
  evolve: ({ mail, threadChanges }, { data }) => ({
    mail: [...mail, ...data.mail],
    threadChanges: [...threadChanges, ...data.threadChanges],
  }),
  decide: (followed, before) => (isIn(followed, before) ? [] : [MailFollowed(followed)]),
}

/** `mailfollowed-<what>`, which is the id of mail or the number of a change with that of its account. */
export const mailFollowedStream = (what: string): string => `mailfollowed-${what}`
