import { normaliseAddress, type Mailbox } from '../mail.ts'
import { defineRefusal } from '../refusal.ts'

/** The most that Exchange and Gmail accept in one email. */
const MAX_RECIPIENTS = 500

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

/** To, Cc and Bcc together; an address that is named twice counts twice. */
export const countRecipients = ({ to, cc, bcc }: Recipients): number => to.length + cc.length + bcc.length

export const noRecipient = defineRefusal('no-recipient', {
  title: 'No recipient',
  meaning: 'The email has no recipient.',
  remedy: 'Add at least one in To, Cc or Bcc.',
})
const tooManyRecipients = defineRefusal('too-many-recipients', {
  title: 'Too many recipients',
  meaning: `An email can have at most ${MAX_RECIPIENTS} recipients.`,
  remedy: `Send it to at most ${MAX_RECIPIENTS} recipients at a time.`,
})

/** @throws Refused `no-recipient`, `too-many-recipients` */
export const requireRecipients = (recipients: Recipients): void => {
  if (countRecipients(recipients) === 0) throw noRecipient()
  requireNotTooMany(recipients)
}

/** @throws Refused `too-many-recipients` */
export const requireNotTooMany = (recipients: Recipients): void => {
  const count = countRecipients(recipients)
  if (count > MAX_RECIPIENTS) throw tooManyRecipients({ detail: `The email has ${count} recipients.` })
}
