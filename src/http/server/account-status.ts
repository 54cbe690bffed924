import { z } from 'zod'
import { accountStatuses } from '../../domain/accounts/account-status.ts'

/** The fields that show an account's status, the same in every answer. */
export const statusView = {
  status: z
    .enum(accountStatuses)
    .describe(
      '`connecting`: not read to the end yet. `degraded`: something was missed or soon will be, or time may mend it. `throttled`: the provider wants us to wait. `needs-reauthentication`: a person must sign in again, or allow more.',
    ),
  reasons: z
    .array(z.object({ code: z.string(), detail: z.string(), remedy: z.string() }))
    .readonly()
    .describe('Why it is so and what to do, what decides first; none where the account is active'),
  nextTryAt: z
    .string()
    .nullable()
    .describe(
      'When it is tried again, or else when its mailbox is read next; in the past while that goes on. If `throttled`, the provider wants us to wait until then. Null if nothing is to be tried',
    ),
}
