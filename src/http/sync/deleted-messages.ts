import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { providerCopy } from '../../domain/sync/presence-events.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'
import { messageId, summaryView } from './messages.ts'

const presenceView = z
  .object({
    id: z.string(),
    status: z.enum(['present', 'deleted']),
    deletedAt: z.string().nullable().describe('When it was deleted; null if it was not'),
    erased: z.boolean().describe('Its content was erased for good: it cannot be restored any more'),
  })
  .meta({ id: 'MessagePresence' })
const deletedView = summaryView
  .extend({
    deletedAt: z.string().describe('When it was deleted'),
    erasedAt: z
      .string()
      .nullable()
      .describe('When its content was erased for good; null as long as it can be restored'),
  })
  .meta({ id: 'DeletedMessage' })

export type DeletedMessageRouteDeps = {
  readonly commands: SyncCommands
  readonly queries: Pick<SyncQueries, 'listDeleted' | 'readModels'>
  readonly mayUse: (accountId: string, userId: string | null) => Promise<boolean>
}

/** Deleting messages, looking at what was deleted, and bringing it back. */
export const deletedMessageRoutes = (
  app: App,
  { commands, queries, mayUse }: DeletedMessageRouteDeps,
): void => {
  const tags = ['Messages']
  const byId = z.object({ id: messageId })
  const viewOf = (id: string, { state }: Awaited<ReturnType<SyncCommands['deleteMessage']>>) => ({
    id,
    status: state.status,
    deletedAt: state.status === 'deleted' ? state.deletedAt : null,
    erased: state.status === 'deleted' && state.erased,
  })

  app.delete('/v1/messages/:id', {
    config: { permission: 'messages:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Delete a message',
      description:
        'It leaves all lists, threads and figures, and no sync brings it back. In the mailbox it stays where it is, unless `mailbox` says `trash`; nothing is ever deleted there for good. It can be restored until its content is erased, after 30 days unless the operator chose another number. An email sent from here stays in the outbox.',
      params: byId,
      querystring: z.object({
        mailbox: providerCopy
          .default('keep')
          .describe('`trash`: its copies are moved into the trash of the mailbox, soon after'),
      }),
      response: { 200: presenceView, ...problems },
    },
    handler: async (request, reply) => {
      const { params, query, caller } = request
      const handled = await commands.deleteMessage(caller, params.id, query.mailbox, askedRevision(request))
      return answered(reply, handled, viewOf(params.id, handled))
    },
  })
  app.post('/v1/messages/:id/restore', {
    config: { permission: 'messages:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Restore a deleted message',
      description: 'In the mailbox nothing changes: what was moved into its trash stays there.',
      params: byId,
      response: { 200: presenceView, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.restoreMessage(request.caller, id, askedRevision(request))
      return answered(reply, handled, viewOf(id, handled))
    },
  })
  app.get('/v1/email-accounts/:id/deleted-messages', {
    config: { permission: 'messages:read', reads: [queries.readModels.messages] },
    schema: {
      tags,
      summary: 'List the deleted messages of an account',
      params: z.object({ id: accountId }),
      querystring: pageQuery.extend({
        ...timesOf('received'),
        sort: sortBy(['receivedAt'], '-receivedAt'),
      }),
      response: { 200: pageOf(deletedView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      if (!(await mayUse(params.id, actingUser))) throw new NotFound('email account', params.id)
      const { from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = { accountId: params.id, from, to }
      const found = await queries.listDeleted(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(found, query, ({ receivedAt, id }) => [receivedAt, id])
    },
  })
}
