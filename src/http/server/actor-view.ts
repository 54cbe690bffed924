import { z } from 'zod'
import type { Actor } from '../../domain/event.ts'

export const actorKinds = ['user', 'api-key', 'system'] as const satisfies readonly Actor['kind'][]

export const actorView = z
  .object({
    kind: z.enum(actorKinds).describe('What kind of actor it is'),
    id: z.string().describe('Id of the user or of the API key, or the name of an automation'),
    via: z
      .object({
        apiKey: z.string().describe('Id of the API key that the request was made with'),
        bound: z
          .boolean()
          .describe(
            'True: the key is bound to the user, so the user acted. False: a program with the key acted for the user',
          ),
      })
      .optional()
      .describe('For users'),
  })
  .meta({ id: 'Actor' })
  .describe('Who did it: a user, a program with an API key, or Mailtrail itself')
