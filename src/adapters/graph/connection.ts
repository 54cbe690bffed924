import { z } from 'zod'
import { address } from '../../domain/mail.ts'

const provider = z.literal('outlook')

/** Nothing is entered: one signs in with Microsoft. `permissions` are those that were granted. */
export const forms = {
  entered: z.object({ provider }),
  recorded: z.object({ provider, address, permissions: z.array(z.string().max(200)).max(20) }),
}
