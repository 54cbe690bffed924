import { NotFound } from '../../domain/decider.ts'
import {
  endpointStream,
  MOST_ENDPOINTS,
  tooManyEndpoints,
  webhookEndpoint,
  type EndpointCommand,
} from '../../domain/webhooks/endpoint.ts'
import type { EndpointFacts } from '../../domain/webhooks/events.ts'
import { entityId, type Caller, type Handle, type Handled } from '../handle.ts'
import type { Secret } from '../ports/credentials.ts'
import type { IfRevision } from '../revisions.ts'
import { deliverDue, type DeliverDeps } from './deliver.ts'

export type WebhookDeps = DeliverDeps & {
  readonly countEndpoints: () => Promise<number>
  readonly deletedEndpoints: () => Promise<readonly string[]>
}

/** How long deliveries that ended can be looked up. */
const KEPT_MS = 30 * 24 * 3_600_000

/** What can be done with webhook endpoints and their deliveries. All throw NotFound. */
export const webhookCommands = (deps: WebhookDeps) => {
  const { clock, deliveries, signer } = deps
  const decide = (caller: Caller, command: EndpointCommand, ifRevision?: IfRevision) =>
    decideOn(deps.handle, caller, command, ifRevision)
  return {
    /** @throws Refused `too-many-webhook-endpoints` */
    create: async (caller: Caller, endpoint: EndpointFacts) => {
      if ((await deps.countEndpoints()) >= MOST_ENDPOINTS) throw tooManyEndpoints()
      const endpointId = entityId('whk', caller.commandId)
      const handled = await decide(caller, { do: 'create', endpointId, endpoint })
      return { ...handled, endpointId, secret: signer.secret(endpointId, 1) }
    },
    change: (caller: Caller, endpointId: string, endpoint: Partial<EndpointFacts>, ifRevision: IfRevision) =>
      decide(caller, { do: 'change', endpointId, endpoint }, ifRevision),
    /** For `overlapMs` deliveries are signed with the secret before as well. */
    rotateSecret: async (caller: Caller, endpointId: string, overlapMs: number) => {
      const formerValidUntil = new Date(clock().getTime() + overlapMs).toISOString()
      const { state, ...handled } = await decide(caller, {
        do: 'rotate-secret',
        endpointId,
        formerValidUntil,
      })
      if (state.status === 'none') throw new NotFound('webhook endpoint', endpointId)
      const secret: Secret = signer.secret(endpointId, state.secretVersion)
      return { ...handled, secret, formerValidUntil: state.formerValidUntil }
    },
    disable: (caller: Caller, endpointId: string) =>
      decide(caller, { do: 'disable', endpointId, reason: 'asked' }),
    /** What waited meanwhile is delivered at once. */
    enable: async (caller: Caller, endpointId: string) => {
      const handled = await decide(caller, { do: 'enable', endpointId })
      await deliveries.hurry(endpointId, clock())
      return handled
    },
    replay: (caller: Caller, endpointId: string, after: string | null) =>
      decide(caller, { do: 'replay', endpointId, after }),
    resend: async (caller: Caller, endpointId: string, eventId: string): Promise<Handled<unknown>> => {
      if (!(await deliveries.find(endpointId, eventId))) throw new NotFound('delivery', eventId)
      const handled = await decide(caller, { do: 'resend', endpointId, eventId })
      await deliveries.again(endpointId, eventId, clock())
      return handled
    },
    delete: (caller: Caller, endpointId: string, ifRevision: IfRevision | undefined) =>
      decide(caller, { do: 'delete', endpointId }, ifRevision),
    deliverDue: deliverDue(deps),
    sweep: async () => deliveries.sweep(await deps.deletedEndpoints(), new Date(clock().getTime() - KEPT_MS)),
  }
}

const decideOn = (handle: Handle, caller: Caller, command: EndpointCommand, ifRevision?: IfRevision) =>
  handle(webhookEndpoint, endpointStream(command.endpointId), command, caller, { ifRevision })

export type WebhookCommands = ReturnType<typeof webhookCommands>
