import { isLargeProvider } from '../large-providers.ts'
import { domainOf, normaliseAddress, type WrittenMailbox } from '../mail.ts'

/** A message that may be a reply: its author, its recipients, and the lists it came through. */
export type Answering = {
  readonly from: readonly WrittenMailbox[]
  readonly replyTo: readonly WrittenMailbox[]
  readonly to: readonly WrittenMailbox[]
  readonly cc: readonly WrittenMailbox[]
  readonly throughList: boolean
}

const addresses = (of: readonly WrittenMailbox[]): string[] =>
  of.map(({ address }) => normaliseAddress(address))

/**
 * Whether one of the recipients, or somebody of theirs, may have written it: from the same address, from their own
 * domain, from another domain that directs replies back to theirs, or as a member of a list that was written to. The
 * sender's own domain does not count: a colleague in Cc does not make everybody there a recipient.
 */
export const isFromRecipient = (
  mail: Answering,
  { sender, recipients }: { readonly sender: string; readonly recipients: readonly string[] },
): boolean => {
  const writtenTo = new Set(recipients.map(normaliseAddress))
  const domains = new Set([...writtenTo].map(domainOf).filter((domain) => !isLargeProvider(domain)))
  domains.delete(domainOf(sender))
  const [from, replyTo] = [addresses(mail.from), addresses(mail.replyTo)]
  if ([...from, ...replyTo].some((address) => writtenTo.has(address) || domains.has(domainOf(address))))
    return true
  return mail.throughList && addresses([...mail.to, ...mail.cc]).some((address) => writtenTo.has(address))
}
