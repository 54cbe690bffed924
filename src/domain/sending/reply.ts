import { isAddress, normaliseAddress, type Mailbox, type WrittenMailbox } from '../mail.ts'

/** What is being replied to: a message in the mailbox, or an email of ours. Message-IDs are without angle brackets. */
export type ReplyParent = {
  readonly accountId: string
  /** Who sent it, or sent the email that it answers; null if that was no user. */
  readonly userId: string | null
  readonly direction: 'in' | 'out'
  readonly messageId: string
  readonly inReplyTo: readonly string[]
  readonly references: readonly string[]
  readonly subject: string
  readonly from: readonly WrittenMailbox[]
  readonly replyTo: readonly WrittenMailbox[]
  readonly to: readonly WrittenMailbox[]
}

/**
 * The root of the thread and its latest members; with the parent itself, as many as a header names (RFC 5537 3.4.4).
 */
const MAX_ANCESTORS = 19

/** The parent's References, or what stands in for them if it has none (RFC 5322 3.6.4). */
export const ancestorsOf = ({ references, inReplyTo }: ReplyParent): string[] => {
  const known = references.length > 0 ? references : inReplyTo.length === 1 ? inReplyTo : []
  return known.length > MAX_ANCESTORS ? [...known.slice(0, 1), ...known.slice(1 - MAX_ANCESTORS)] : [...known]
}

/** Where a reply goes: to Reply-To, or else the author; for an email of ours, to its recipients. */
export const replyRecipients = (parent: ReplyParent, ownAddress: string): Mailbox[] => {
  const asked = parent.replyTo.length > 0 ? parent.replyTo : parent.from
  const written = (parent.direction === 'in' ? asked : parent.to).flatMap(readable)
  const others = written.filter(({ address }) => normaliseAddress(address) !== normaliseAddress(ownAddress))
  return others.length > 0 ? others : written
}

const readable = ({ address, name }: WrittenMailbox): Mailbox[] => {
  const trimmed = address.trim()
  if (!isAddress(trimmed)) return []
  const plain = name
    ?.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 200)
    .toWellFormed()
  return [plain ? { address: trimmed, name: plain } : { address: trimmed }]
}
