import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  WebhookDeliveryFailed,
  WebhookEndpointChanged,
  WebhookEndpointCreated,
  WebhookEndpointDeleted,
  WebhookEndpointDisabled,
  WebhookEndpointEnabled,
  WebhookReplayRequested,
  WebhookResendRequested,
  WebhookSecretRotated,
  type DisabledReason,
  type EndpointFacts,
  type WebhookEvent,
} from './events.ts'

// ---------------------------------------------------------------- state

export type KnownEndpoint = {
  readonly status: 'active' | 'disabled' | 'deleted'
  readonly endpointId: string
  readonly endpoint: EndpointFacts
  /** Of the secret that signs, counted from 1. */
  readonly secretVersion: number
  /** Until when the secret before signs too; null if there was none. */
  readonly formerValidUntil: string | null
}
export type Endpoint = { readonly status: 'none' } | KnownEndpoint

// ---------------------------------------------------------------- commands

export type EndpointCommand = { readonly endpointId: string } & (
  | { readonly do: 'create'; readonly endpoint: EndpointFacts }
  | { readonly do: 'change'; readonly endpoint: Partial<EndpointFacts> }
  | { readonly do: 'rotate-secret'; readonly formerValidUntil: string }
  | { readonly do: 'disable'; readonly reason: DisabledReason }
  | { readonly do: 'enable' }
  | { readonly do: 'replay'; readonly after: string | null }
  | { readonly do: 'resend'; readonly eventId: string }
  | { readonly do: 'give-up'; readonly eventId: string; readonly attempts: number; readonly problem: string }
  | { readonly do: 'delete' }
)

// ---------------------------------------------------------------- evolve

const evolve = (state: Endpoint, event: WebhookEvent): Endpoint => {
  if (event.type === 'WebhookEndpointCreated')
    return { ...event.data, status: 'active', secretVersion: 1, formerValidUntil: null }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'WebhookEndpointChanged':
      return { ...state, endpoint: event.data.endpoint }
    case 'WebhookSecretRotated': {
      const { secretVersion, formerValidUntil } = event.data
      return { ...state, secretVersion, formerValidUntil }
    }
    case 'WebhookEndpointDisabled':
      return { ...state, status: 'disabled' }
    case 'WebhookEndpointEnabled':
      return { ...state, status: 'active' }
    case 'WebhookEndpointDeleted':
      return { ...state, status: 'deleted' }
    case 'WebhookReplayRequested':
    case 'WebhookResendRequested':
    case 'WebhookDeliveryFailed':
      return state
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: EndpointCommand, state: Endpoint): WebhookEvent[] => {
  const { endpointId } = command
  if (command.do === 'create')
    return state.status === 'none' ? [WebhookEndpointCreated({ endpointId, endpoint: command.endpoint })] : []
  if (state.status === 'none') throw new NotFound('webhook endpoint', endpointId)
  if (command.do === 'delete')
    return state.status === 'deleted' ? [] : [WebhookEndpointDeleted({ endpointId })]
  if (state.status === 'deleted') throw new NotFound('webhook endpoint', endpointId)
  switch (command.do) {
    case 'change': {
      const endpoint = { ...state.endpoint, ...command.endpoint }
      return same(endpoint, state.endpoint) ? [] : [WebhookEndpointChanged({ endpointId, endpoint })]
    }
    case 'rotate-secret': {
      const { formerValidUntil } = command
      return [WebhookSecretRotated({ endpointId, secretVersion: state.secretVersion + 1, formerValidUntil })]
    }
    case 'disable':
      return state.status === 'disabled'
        ? []
        : [WebhookEndpointDisabled({ endpointId, reason: command.reason })]
    case 'enable':
      return state.status === 'active' ? [] : [WebhookEndpointEnabled({ endpointId })]
    case 'replay':
      return [WebhookReplayRequested({ endpointId, after: command.after })]
    case 'resend':
      return [WebhookResendRequested({ endpointId, eventId: command.eventId })]
    case 'give-up': {
      const { eventId, attempts, problem } = command
      return [WebhookDeliveryFailed({ endpointId, eventId, attempts, problem })]
    }
  }
}

// Both sides come from one schema, so their keys are in the same order.
const same = (a: EndpointFacts, b: EndpointFacts): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What is delivered to more endpoints than this would hold up the rest. */
export const MOST_ENDPOINTS = 50

export const tooManyEndpoints = defineRefusal('too-many-webhook-endpoints', {
  title: 'Too many webhook endpoints',
  meaning: `There are at most ${MOST_ENDPOINTS} webhook endpoints.`,
  remedy: 'Delete one that is no longer used.',
})

export const webhookEndpoint: Decider<Endpoint, EndpointCommand, WebhookEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `webhook-<endpointId>` */
export const endpointStream = (endpointId: string): string => `webhook-${endpointId}`
