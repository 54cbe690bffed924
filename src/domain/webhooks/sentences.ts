import type { Sentences } from '../event.ts'
import type { DisabledReason, WebhookEvent } from './events.ts'

const because: Readonly<Record<DisabledReason, string>> = {
  asked: '',
  gone: ' because it answered that it is gone',
  failing: ' because no delivery succeeded for three days',
}

export const webhookSentences: Sentences<WebhookEvent> = {
  WebhookEndpointCreated: ({ endpoint }) => `The webhook endpoint ${endpoint.url} was created`,
  WebhookEndpointChanged: ({ endpoint }) => `The webhook endpoint ${endpoint.url} was changed`,
  WebhookSecretRotated: ({ formerValidUntil }) =>
    `The secret of a webhook endpoint was replaced; the former one signs until ${formerValidUntil}`,
  WebhookEndpointDisabled: ({ reason }) => `A webhook endpoint was disabled${because[reason]}`,
  WebhookEndpointEnabled: () => 'A webhook endpoint was enabled',
  WebhookReplayRequested: ({ after }) =>
    after === null
      ? 'All events were to be delivered again to a webhook endpoint'
      : `All events after position ${after} were to be delivered again to a webhook endpoint`,
  WebhookResendRequested: ({ eventId }) =>
    `The event ${eventId} was to be delivered again to a webhook endpoint`,
  WebhookDeliveryFailed: ({ eventId, attempts, problem }) =>
    `The event ${eventId} could not be delivered to a webhook endpoint in ${attempts} attempts (${problem})`,
  WebhookEndpointDeleted: () => 'A webhook endpoint was deleted',
}
