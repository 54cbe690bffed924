import { z } from 'zod'
import type { NotificationCommands } from '../../commands/notifications/notifications.ts'
import { notificationId, notificationKind } from '../../domain/notifications/events.ts'
import type { NotificationQueries } from '../../projections/notifications/notifications.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { requiredUser } from '../server/user-required.ts'

const view = z
  .object({
    id: z.string(),
    userId: z.string(),
    kind: notificationKind,
    accountId: z.string(),
    conversationId: z.string().nullable().describe('The conversation that it is about, if it is about one'),
    messageId: z.string().nullable().describe('The message that it is about, if it is about one'),
    outgoingId: z.string().nullable().describe('The email that it is about, if it is about one'),
    gathered: z
      .int()
      .describe('Of how many things it tells: more than one came soon after each other, and none is named'),
    at: z.string(),
    readAt: z.string().nullable().describe('When it was read; null if it was not'),
  })
  .meta({ id: 'Notification' })

type NotificationRouteDeps = {
  readonly commands: NotificationCommands
  readonly queries: NotificationQueries
}

/** A user's own notifications. */
export const notificationRoutes = (app: App, { commands, queries }: NotificationRouteDeps): void => {
  const tags = ['Notifications']
  const reads = [queries.readModels.notificationList]

  app.get('/v1/notifications', {
    config: { permission: 'notifications:read', reads },
    schema: {
      tags,
      summary: 'List notifications',
      description: "The acting user's own; a program that acts for nobody sees everybody's.",
      querystring: pageQuery.extend({
        unread: z.stringbool().default(false).describe('Only those that were not read'),
        sort: sortBy(['at'], '-at'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async (request) => {
      const { query } = request
      const after = readCursor(query, ['text', 'text'])
      const page = { descending: orderOf(query.sort).descending, after, limit: query.limit + 1 }
      const found = await queries.list(request.actingUser, query.unread, page)
      return pageFrom(found, query, ({ position, id }) => [position, id])
    },
  })
  app.put('/v1/notifications/:id/read', {
    config: { permission: 'notifications:write', reads },
    schema: {
      tags,
      summary: 'Mark a notification as read',
      params: z.object({ id: notificationId }),
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.read(request.caller, requiredUser(request), request.params.id)
      return answered(reply.status(204), handled, null)
    },
  })
  app.put('/v1/notifications/read', {
    config: { permission: 'notifications:write', reads },
    schema: {
      tags,
      summary: "Mark all of the acting user's notifications as read",
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      const userId = requiredUser(request)
      const [last] = await queries.list(userId, true, { descending: true, after: null, limit: 1 })
      void reply.status(204)
      return last
        ? answered(reply, await commands.readAll(request.caller, userId, last.position), null)
        : null
    },
  })
}
