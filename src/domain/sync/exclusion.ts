import type { ExcludePattern } from '../accounts/events.ts'
import { normaliseAddress, type WrittenMailbox } from '../mail.ts'
import { matchesGlob } from './glob.ts'

/** The longest realistic address in a header: 64 octets, an @ and a domain of 255 (RFC 5321 4.5.3.1). */
const LONGEST_ADDRESS = 320

type Mailboxes = readonly Pick<WrittenMailbox, 'address'>[]

/** What patterns look at in a message of an account. `isOurs`: it was sent from the mailbox, or is a draft. */
export type Excludable = {
  readonly ownAddress: string
  readonly isOurs: boolean
  readonly header: { readonly from: Mailboxes; readonly to: Mailboxes; readonly cc: Mailboxes }
}

/**
 * The first of the patterns that excludes the message; null if none does. Those for senders are about who writes to us,
 * and exclude no mail of our own.
 */
export const excludedBy = (
  patterns: readonly ExcludePattern[],
  { ownAddress, isOurs, header: { from, to, cc } }: Excludable,
): ExcludePattern | null => {
  if (patterns.length === 0) return null
  const own = normaliseAddress(ownAddress)
  const senders = isOurs ? [] : addressesOf(from)
  const participants = addressesOf([...from, ...to, ...cc]).filter((address) => address !== own)
  const found = patterns.find(({ pattern, match }) =>
    (match === 'sender' ? senders : participants).some((address) => matchesGlob(pattern, address)),
  )
  return found ?? null
}

const addressesOf = (mailboxes: Mailboxes): string[] => [
  ...new Set(
    mailboxes
      .map(({ address }) => normaliseAddress(address))
      .filter((address) => address.length <= LONGEST_ADDRESS),
  ),
]
