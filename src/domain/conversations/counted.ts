import {
  isShared,
  rightsAfter,
  rightsEvents,
  rightsOfOwner,
  type AccessRights,
} from '../accounts/access-rights.ts'
import { AccountConnected } from '../accounts/events.ts'
import type { EventOf, RecordedEvent } from '../event.ts'
import { normaliseAddress } from '../mail.ts'
import type { MessageSynced } from '../sync/events.ts'

/** What decides which mail of an account counts: who may use it, and since when several do; null: only one does. */
export type CountingAccount = {
  readonly address: string
  readonly rights: AccessRights
  readonly since: string | null
}

/** What changes which mail of an account counts. */
export const countingEvents = [AccountConnected, ...rightsEvents] as const
type CountingEvent = RecordedEvent<EventOf<(typeof countingEvents)[number]>>

export const isCountingEvent = (event: RecordedEvent): event is CountingEvent =>
  countingEvents.some(({ type }) => type === event.type)

/** The account after the event. What came before it was shared does not count. */
export const countingAfter = (
  account: CountingAccount | null,
  event: CountingEvent,
): CountingAccount | null => {
  if (event.type === 'AccountConnected') {
    const { address, owner } = event.data
    return counting(address, rightsOfOwner(owner), null, event)
  }
  return account && counting(account.address, rightsAfter(account.rights, event), account.since, event)
}

const counting = (
  address: string,
  rights: AccessRights,
  since: string | null,
  { metadata }: CountingEvent,
): CountingAccount => ({
  address,
  rights,
  since: isShared(rights) ? (since ?? metadata.occurredAt) : null,
})

type Synced = EventOf<typeof MessageSynced>['data']

/**
 * Whether a message opens a conversation, or opens it again: somebody wrote it to an account after that was connected and
 * shared. What programs write does not count, nor junk, nor what the account wrote to itself.
 */
export const isCountedMessage = (message: Synced, account: CountingAccount): boolean =>
  message.direction === 'in' &&
  isCounted(message, account, message.receivedAt) &&
  !message.header.from.some(({ address }) => normaliseAddress(address) === normaliseAddress(account.address))

/** Whether it may be an answer that was sent with another mail program. */
export const isCountedAnswer = (message: Synced, account: CountingAccount): boolean =>
  message.direction === 'out' && message.outgoingId === null && isCounted(message, account, sentAtOf(message))

export const sentAtOf = ({ sentAt, receivedAt }: Synced): string => sentAt ?? receivedAt

/** The first author, as far as the message names one. */
export const authorOf = ({ header }: Synced): string | null => header.from[0]?.address ?? null

const isCounted = ({ automatic, placement }: Synced, { since }: CountingAccount, at: string): boolean =>
  automatic === null && placement.role !== 'junk' && placement.role !== 'trash' && isNotBefore(at, since)

/** Mailboxes tell times in whole seconds. */
const isNotBefore = (at: string, since: string | null): boolean =>
  since !== null && Date.parse(at) >= Date.parse(since) - 1000
