import { createHmac } from 'node:crypto'
import { Secret } from '../../commands/ports/credentials.ts'
import type { WebhookSigner } from '../../commands/ports/webhooks.ts'

const PREFIX = 'whsec_'

/**
 * Secrets and signatures as Standard Webhooks has them (https://www.standardwebhooks.com). A secret is derived from the
 * key, the endpoint and the version, so it is stored nowhere.
 */
export const webhookSigner = (key: Uint8Array): WebhookSigner => ({
  secret: (endpointId, version) =>
    new Secret(`${PREFIX}${createHmac('sha256', key).update(`${endpointId}:${version}`).digest('base64')}`),
  headers: (secrets, { id, at, body }) => {
    const timestamp = Math.floor(at.getTime() / 1000)
    const signed = `${id}.${timestamp}.${body}`
    return {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': secrets.map((secret) => `v1,${signatureOf(secret, signed)}`).join(' '),
    }
  },
})

const signatureOf = (secret: Secret, signed: string): string =>
  createHmac('sha256', Buffer.from(secret.reveal().slice(PREFIX.length), 'base64'))
    .update(signed)
    .digest('base64')
