import { z } from 'zod'
import { ForeignPosition, type EventStore } from '../../commands/ports/event-log.ts'
import type { WebhookCommands } from '../../commands/webhooks/webhooks.ts'
import { allEvents, type AnyEvent } from '../../domain/catalogue.ts'
import { NotFound } from '../../domain/decider.ts'
import { endpointFacts, endpointId, WebhookEndpointDisabled } from '../../domain/webhooks/events.ts'
import type { WebhookQueries } from '../../projections/webhooks/webhooks.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision, requiredRevision } from '../server/versions.ts'
import { requireProgram } from './program-only.ts'

const eventType = z.enum(allEvents.map(({ type }) => type) as [AnyEvent['type'], ...AnyEvent['type'][]])
const form = endpointFacts.extend({
  types: z.array(eventType).max(500).default([]),
})
/** Nothing that is left out is changed. */
const changes = z.object({
  url: form.shape.url.optional(),
  description: form.shape.description.unwrap().optional(),
  types: form.shape.types.unwrap().optional(),
  payload: form.shape.payload.unwrap().optional(),
})
const status = z.enum(['active', 'disabled'])
const view = endpointFacts
  .extend({
    id: z.string(),
    status,
    disabledReason: WebhookEndpointDisabled.schema.shape.reason.nullable(),
    formerSecretValidUntil: z
      .string()
      .nullable()
      .describe('Until when deliveries are signed with the former secret as well; null if there was none'),
    createdAt: z.string(),
    changedAt: z.string(),
  })
  .meta({ id: 'WebhookEndpoint' })
const secret = z
  .string()
  .nullable()
  .describe(
    'What deliveries are signed with, as Standard Webhooks has it. It is shown once: null in a repeat under the same ' +
      'Idempotency-Key; if the first answer was lost, replace it by another one',
  )
const changed = z.object({ id: z.string() })

const MOST_OVERLAP_HOURS = 168

export type EndpointRouteDeps = {
  readonly commands: WebhookCommands
  readonly queries: WebhookQueries
  readonly isPosition: EventStore['isPosition']
}

/** Webhook endpoints: addresses to which what happens is posted. They are managed by programs that act for nobody. */
export const webhookEndpointRoutes = (
  app: App,
  { commands, queries, isPosition }: EndpointRouteDeps,
): void => {
  const tags = ['Webhooks']
  const byId = z.object({ id: endpointId })
  const manage = { permission: 'webhooks:manage' } as const
  const reads = [queries.readModels.endpointList]

  app.get('/v1/webhook-endpoints', {
    config: { ...manage, reads },
    schema: {
      tags,
      summary: 'List webhook endpoints',
      querystring: pageQuery.extend({
        status: status.optional().describe('Only endpoints that are delivered to, or that are not'),
        sort: sortBy(['createdAt'], 'createdAt'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async (request) => {
      requireProgram(request)
      const { query } = request
      const after = readCursor(query, ['instant', 'text'])
      const { descending } = orderOf(query.sort)
      const found = await queries.list(query.status, { descending, after, limit: query.limit + 1 })
      return pageFrom(found, query, ({ createdAt, id }) => [createdAt, id])
    },
  })
  app.post('/v1/webhook-endpoints', {
    config: { ...manage, answersOnce: 'secret' },
    schema: {
      tags,
      summary: 'Create a webhook endpoint, to which events are posted from now on; its secret is shown once',
      description:
        'Each event is posted at least once, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it, with ' +
        'the id of the event as `webhook-id`. Events of one stream come in their order; of different streams they may ' +
        'not. Anything but a 2xx answer in time is a failure: the delivery is tried again for three days, and what ' +
        'follows in its stream waits. `position` and `previousPosition` in each delivery show whether one is missing.',
      body: form,
      response: { 201: changed.extend({ secret }), ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const handled = await commands.create(request.caller, request.body)
      const { endpointId: id } = handled
      void reply.status(201).header('location', `/v1/webhook-endpoints/${id}`)
      return answered(reply, handled, { id, secret: handled.repeated ? null : handled.secret.reveal() })
    },
  })
  app.get('/v1/webhook-endpoints/:id', {
    config: { ...manage, reads, ifNoneMatch: true },
    schema: { tags, summary: 'Get a webhook endpoint', params: byId, response: { 200: view, ...problems } },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id } = request.params
      const found = await queries.find(id)
      if (!found) throw new NotFound('webhook endpoint', id)
      return answered(reply, { revision: found.revision, position: null }, found)
    },
  })
  app.patch('/v1/webhook-endpoints/:id', {
    config: { ...manage, ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change a webhook endpoint; requires If-Match',
      description:
        'What already waits to be delivered is posted to the new URL; other types go for later events.',
      params: byId,
      body: changes,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id } = request.params
      const handled = await commands.change(request.caller, id, request.body, requiredRevision(request))
      return answered(reply, handled, { id })
    },
  })
  app.delete('/v1/webhook-endpoints/:id', {
    config: { ...manage, ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Delete a webhook endpoint, and what waits to be delivered to it',
      params: byId,
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const handled = await commands.delete(request.caller, request.params.id, askedRevision(request))
      return answered(reply.status(204), handled, null)
    },
  })
  app.post('/v1/webhook-endpoints/:id/disable', {
    config: manage,
    schema: {
      tags,
      summary: 'Disable a webhook endpoint; what happens meanwhile waits',
      params: byId,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id } = request.params
      return answered(reply, await commands.disable(request.caller, id), { id })
    },
  })
  app.post('/v1/webhook-endpoints/:id/enable', {
    config: manage,
    schema: {
      tags,
      summary: 'Enable a webhook endpoint; what waited is posted at once',
      params: byId,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id } = request.params
      return answered(reply, await commands.enable(request.caller, id), { id })
    },
  })
  app.post('/v1/webhook-endpoints/:id/rotate-secret', {
    config: { ...manage, answersOnce: 'secret' },
    schema: {
      tags,
      summary: 'Replace the secret of a webhook endpoint; the new one is shown once',
      params: byId,
      body: z.object({
        overlapHours: z
          .number()
          .min(0)
          .max(MOST_OVERLAP_HOURS)
          .default(24)
          .describe('For how many hours deliveries are signed with the former secret as well'),
      }),
      response: {
        200: z.object({ secret, formerSecretValidUntil: view.shape.formerSecretValidUntil }),
        ...problems,
      },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const overlapMs = request.body.overlapHours * 3_600_000
      const handled = await commands.rotateSecret(request.caller, request.params.id, overlapMs)
      return answered(reply, handled, {
        secret: handled.repeated ? null : handled.secret.reveal(),
        formerSecretValidUntil: handled.formerValidUntil,
      })
    },
  })
  app.post('/v1/webhook-endpoints/:id/replay', {
    config: manage,
    schema: {
      tags,
      summary: 'Post all events from a position on to a webhook endpoint, again if they were posted before',
      params: byId,
      body: z.object({
        after: z
          .string()
          .max(100)
          .nullable()
          .describe('The position behind which to begin; null for the beginning of the log'),
      }),
      response: { 202: changed, ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id } = request.params
      const { after } = request.body
      if (after !== null && !isPosition(after)) throw new ForeignPosition()
      return answered(reply.status(202), await commands.replay(request.caller, id, after), { id })
    },
  })
}
