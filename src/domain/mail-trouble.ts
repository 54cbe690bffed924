import { z } from 'zod'

/** What stands in the way of a mailbox, in the words of `MailUnavailable`. */
export const mailTrouble = z.enum([
  'sign-in-again',
  'scope-missing',
  'throttled',
  'gone',
  'refused',
  'temporary',
])
export type MailTrouble = z.infer<typeof mailTrouble>
