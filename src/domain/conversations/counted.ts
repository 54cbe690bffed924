import type { AccountConnected } from '../accounts/events.ts'
import type { EventOf, RecordedEvent } from '../event.ts'
import { normaliseAddress } from '../mail.ts'
import type { MessageSynced } from '../sync/events.ts'

/** Since when the mail of a shared account counts, and its address. */
export type CountingAccount = { readonly address: string; readonly since: string }

/** Since when the mail of an account counts that was just connected; null: it is one person's alone. */
export const countingFrom = ({
  data: { owner, address },
  metadata,
}: RecordedEvent<EventOf<typeof AccountConnected>>): CountingAccount | null =>
  owner.kind === 'team' ? { address, since: metadata.occurredAt } : null

type Synced = EventOf<typeof MessageSynced>['data']

/**
 * Whether a message opens a conversation, or opens it again: somebody wrote it to a shared account, after that was
 * connected. What programs write does not count, nor junk, nor what the account wrote to itself.
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
const isNotBefore = (at: string, since: string): boolean => Date.parse(at) >= Date.parse(since) - 1000
