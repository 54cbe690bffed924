import { z } from 'zod'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import { permissions } from '../server/permissions.ts'

/** What is said of a key that is to be created. */
export const keyForm = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^\P{Cc}*$/u, 'has a control character'),
  scopes: z.array(z.enum(['*', ...permissions])).min(1),
  userId: crmId
    .nullable()
    .default(null)
    .describe('The user that the key acts for; null for a key that is not bound to a user'),
  expiresAt: askedInstant.nullable().default(null),
})
