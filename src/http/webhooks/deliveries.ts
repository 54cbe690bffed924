import { z } from 'zod'
import type { WebhookDeliveries } from '../../commands/ports/webhooks.ts'
import type { WebhookCommands } from '../../commands/webhooks/webhooks.ts'
import { NotFound } from '../../domain/decider.ts'
import { endpointId } from '../../domain/webhooks/events.ts'
import type { WebhookQueries } from '../../projections/webhooks/webhooks.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { requireProgram } from './program-only.ts'

const status = z
  .enum(['waiting', 'delivered', 'failed'])
  .describe('`failed`: it was tried for three days and is not tried any more')
const view = z
  .object({
    eventId: z.string().describe('Id of the event, and the `webhook-id` that it is posted under'),
    type: z.string().describe('Type of the event'),
    stream: z.string().describe('The stream that the event is in'),
    position: z.string().describe('Place of the event in the event log'),
    previousPosition: z
      .string()
      .nullable()
      .describe('The position of the event that is delivered before it; null for the first of the log'),
    status,
    attempts: z.int(),
    firstAttemptAt: z.string().nullable().describe('When it was first tried; null if it was not yet'),
    lastAttemptAt: z.string().nullable().describe('When it was last tried; null if it was not yet'),
    nextAttemptAt: z.string().nullable().describe('When it is tried next; null if it is not tried any more'),
    answer: z.int().nullable().describe('Status code of the last answer; null if there was none'),
    problem: z
      .string()
      .nullable()
      .describe('Why the last attempt failed, such as `answer-500` or `timed-out`; null if it did not'),
  })
  .meta({ id: 'WebhookDelivery' })

export type DeliveryRouteDeps = {
  readonly commands: WebhookCommands
  readonly queries: WebhookQueries
  readonly deliveries: Pick<WebhookDeliveries, 'list' | 'find'>
}

/** What is, was and could not be delivered to a webhook endpoint; what ended is kept for thirty days. */
export const webhookDeliveryRoutes = (
  app: App,
  { commands, queries, deliveries }: DeliveryRouteDeps,
): void => {
  const tags = ['Webhooks']
  const byId = z.object({ id: endpointId })
  const byEvent = byId.extend({ eventId: z.uuid().describe('Id of the event that is delivered') })
  const config = { permission: 'webhooks:manage', reads: [queries.readModels.endpointList] } as const
  const requireEndpoint = async (id: string) => {
    if (!(await queries.find(id))) throw new NotFound('webhook endpoint', id)
  }

  app.get('/v1/webhook-endpoints/:id/deliveries', {
    config,
    schema: {
      tags,
      summary: 'List deliveries to a webhook endpoint',
      params: byId,
      querystring: pageQuery.extend({
        status: status.optional(),
        type: z.string().max(100).optional().describe('Only events of this type'),
        sort: sortBy(['position'], '-position'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async (request) => {
      requireProgram(request)
      const { query, params } = request
      await requireEndpoint(params.id)
      const after = readCursor(query, ['text'])?.[0] ?? null
      const { descending } = orderOf(query.sort)
      const filter = { endpointId: params.id, status: query.status, type: query.type }
      const found = await deliveries.list(filter, { descending, after, limit: query.limit + 1 })
      return pageFrom(found, query, ({ position }) => [position])
    },
  })
  app.get('/v1/webhook-endpoints/:id/deliveries/:eventId', {
    config,
    schema: {
      tags,
      summary: 'Get the delivery of an event to a webhook endpoint',
      params: byEvent,
      response: { 200: view, ...problems },
    },
    handler: async (request) => {
      requireProgram(request)
      const { id, eventId } = request.params
      await requireEndpoint(id)
      const found = await deliveries.find(id, eventId)
      if (!found) throw new NotFound('delivery', eventId)
      return found
    },
  })
  app.post('/v1/webhook-endpoints/:id/deliveries/:eventId/resend', {
    config: { permission: 'webhooks:manage' },
    schema: {
      tags,
      summary: 'Post an event to a webhook endpoint again',
      params: byEvent,
      response: { 202: z.object({ eventId: z.string() }), ...problems },
    },
    handler: async (request, reply) => {
      requireProgram(request)
      const { id, eventId } = request.params
      const handled = await commands.resend(request.caller, id, eventId)
      return answered(reply.status(202), handled, { eventId })
    },
  })
}
