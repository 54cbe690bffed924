import { isAddress, normaliseAddress, type Mailbox, type WrittenMailbox } from '../mail.ts'

/** The message that is replied to: one of the mailbox, or one of ours that went out. Message-IDs without brackets. */
export type ReplyParent = {
  readonly accountId: string
  readonly direction: 'in' | 'out'
  readonly messageId: string
  readonly inReplyTo: readonly string[]
  readonly references: readonly string[]
  readonly subject: string
  readonly from: readonly WrittenMailbox[]
  readonly replyTo: readonly WrittenMailbox[]
  readonly to: readonly WrittenMailbox[]
}

/** The root of the thread and its last messages; with the parent itself as many as a header names (RFC 5537 3.4.4). */
const MAX_ANCESTORS = 19

/** What the References of the parent are, or stand in for them where it has none (RFC 5322 3.6.4). */
export const ancestorsOf = ({ references, inReplyTo }: ReplyParent): string[] => {
  const known = references.length > 0 ? references : inReplyTo.length === 1 ? inReplyTo : []
  return known.length > MAX_ANCESTORS ? [...known.slice(0, 1), ...known.slice(1 - MAX_ANCESTORS)] : [...known]
}

/** To whom a reply goes: who asked for it, else who wrote; to a message of ours, those it was written to. */
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
