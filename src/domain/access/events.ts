import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { instant } from '../mail.ts'

const apiKeyId = z.string().regex(/^[0-9a-hjkmnp-tv-z]{12}$/)

/** What an API key may do, for whom and until when. Neither its text nor a hash of it is ever in an event. */
const keyFacts = z.object({
  keyId: apiKeyId,
  name: z.string(),
  scopes: z.array(z.string()),
  userId: crmId.nullable().describe('The user that the key is bound to'),
  expiresAt: instant.nullable(),
})
export type KeyFacts = z.infer<typeof keyFacts>

export const ApiKeyCreated = defineEvent('ApiKeyCreated', keyFacts)
export const ApiKeyRevoked = defineEvent('ApiKeyRevoked', z.object({ keyId: apiKeyId, name: z.string() }))

export const apiKeyEvents = [ApiKeyCreated, ApiKeyRevoked] as const
export type ApiKeyEvent = EventOf<(typeof apiKeyEvents)[number]>
