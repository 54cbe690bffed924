import { z } from 'zod'

/** How much a mailbox holds and may hold at most, in bytes, as its quota for storage says (RFC 9208). */
export const mailboxStorage = z.object({ used: z.int().min(0), limit: z.int().min(1) })
export type MailboxStorage = z.infer<typeof mailboxStorage>

/** A mailbox is nearly full from the first part of its limit on, until it holds less than the second. */
const [NEARLY_FULL, ROOMY] = [0.9, 0.85]

/** Whether a mailbox is nearly full, given whether it was so before: at the limit it does not go back and forth. */
export const isNearlyFull = ({ used, limit }: MailboxStorage, wasBefore: boolean): boolean =>
  used >= limit * (wasBefore ? ROOMY : NEARLY_FULL)
