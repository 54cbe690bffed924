import { z } from 'zod'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { instant, oneLine } from '../mail.ts'

export const endpointId = idOf('whk').describe('Id of a webhook endpoint')

export const endpointFacts = z.object({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .refine((text) => isPlain(text), { error: 'must have neither a user name, a password nor a fragment' })
    .describe('Where events are posted to'),
  description: z
    .string()
    .trim()
    .max(200)
    .regex(...oneLine)
    .default(''),
  types: z.array(z.string().max(100)).max(500).default([]),
  payload: z.enum(['full', 'thin']).default('full'),
})
export type EndpointFacts = z.infer<typeof endpointFacts>

const isPlain = (text: string): boolean => {
  const parsed = URL.parse(text)
  return parsed !== null && parsed.username === '' && parsed.password === '' && parsed.hash === ''
}

/**
 * Why nothing is delivered to an endpoint. `asked`: somebody disabled it. `gone`: it answered 410. `failing`: for three
 * days no delivery succeeded.
 */
const disabledReason = z.enum(['asked', 'gone', 'failing'])
export type DisabledReason = z.infer<typeof disabledReason>

export const WebhookEndpointCreated = defineEvent(
  'WebhookEndpointCreated',
  z.object({ endpointId, endpoint: endpointFacts }),
)
export const WebhookEndpointChanged = defineEvent(
  'WebhookEndpointChanged',
  z.object({ endpointId, endpoint: endpointFacts }),
)
/** From now on signatures are made with the secret of this version, and until then with the one before as well. */
export const WebhookSecretRotated = defineEvent(
  'WebhookSecretRotated',
  z.object({ endpointId, secretVersion: z.int(), formerValidUntil: instant }),
)
export const WebhookEndpointDisabled = defineEvent(
  'WebhookEndpointDisabled',
  z.object({ endpointId, reason: disabledReason }),
)
export const WebhookEndpointEnabled = defineEvent('WebhookEndpointEnabled', z.object({ endpointId }))
/** Everything behind this position of the log (from its start if null) is delivered, again if it was before. */
export const WebhookReplayRequested = defineEvent(
  'WebhookReplayRequested',
  z.object({ endpointId, after: z.string().max(100).nullable() }),
)
/** One event is delivered again. */
export const WebhookResendRequested = defineEvent(
  'WebhookResendRequested',
  z.object({ endpointId, eventId: z.uuid() }),
)
/** An event was tried for three days and is not tried any more. */
export const WebhookDeliveryFailed = defineEvent(
  'WebhookDeliveryFailed',
  z.object({ endpointId, eventId: z.uuid(), attempts: z.int(), problem: z.string() }),
)
export const WebhookEndpointDeleted = defineEvent('WebhookEndpointDeleted', z.object({ endpointId }))

export const webhookEvents = [
  WebhookEndpointCreated,
  WebhookEndpointChanged,
  WebhookSecretRotated,
  WebhookEndpointDisabled,
  WebhookEndpointEnabled,
  WebhookReplayRequested,
  WebhookResendRequested,
  WebhookDeliveryFailed,
  WebhookEndpointDeleted,
] as const
export type WebhookEvent = EventOf<(typeof webhookEvents)[number]>
