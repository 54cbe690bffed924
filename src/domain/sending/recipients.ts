import { Refused } from '../decider.ts'
import { normaliseAddress, type Mailbox } from '../mail.ts'

/** As many as Exchange and Gmail take in one message. */
export const MAX_RECIPIENTS = 500

export type Recipients = { readonly to: Mailbox[]; readonly cc: Mailbox[]; readonly bcc: Mailbox[] }

/** Each address once, where it is most visible: To before Cc before Bcc. */
export const distinctRecipients = (written: {
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly bcc: readonly Mailbox[]
}): Recipients => {
  const seen = new Set<string>()
  const fresh = ({ address }: Mailbox): boolean => {
    const key = normaliseAddress(address)
    return !seen.has(key) && Boolean(seen.add(key))
  }
  return { to: written.to.filter(fresh), cc: written.cc.filter(fresh), bcc: written.bcc.filter(fresh) }
}

/** To, Cc and Bcc together, an address that is named twice counted twice. */
export const countRecipients = ({ to, cc, bcc }: Recipients): number => to.length + cc.length + bcc.length

/** @throws Refused `no-recipient`, `too-many-recipients` */
export const requireRecipients = (recipients: Recipients): void => {
  const count = countRecipients(recipients)
  if (count === 0)
    throw new Refused('no-recipient', 'The message has no recipient', 'Name somebody in To, Cc or Bcc.')
  if (count > MAX_RECIPIENTS)
    throw new Refused(
      'too-many-recipients',
      `The message has ${count} recipients`,
      `Send to ${MAX_RECIPIENTS} at most at a time.`,
    )
}
