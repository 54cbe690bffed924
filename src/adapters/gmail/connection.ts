import { z } from 'zod'
import type { Connection } from '../../domain/accounts/connection.ts'
import { address } from '../../domain/mail.ts'

/** A mailbox that was connected by signing in with Google; `permissions` are those that were granted. */
const recorded = z.object({
  provider: z.literal('gmail'),
  address,
  permissions: z.array(z.string().max(200)).max(20),
})

export const forms = { entered: recorded, recorded }

export const addressOf = (connection: Connection): string => recorded.parse(connection).address
