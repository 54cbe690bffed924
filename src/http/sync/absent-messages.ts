import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId, excludePattern } from '../../domain/accounts/events.ts'
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
    status: z
      .enum(['present', 'hidden', 'deleted'])
      .describe('What was deleted and is hidden as well is `deleted`'),
    deletedAt: z.string().nullable().describe('When it was deleted; null if it was not'),
    erased: z.boolean().describe('Its content was erased for good: it cannot be restored any more'),
    hiddenBy: excludePattern.nullable().describe('The exclude pattern that hides it; null if none does'),
    shownByHand: z.boolean().describe('Somebody had it shown, whatever the patterns say'),
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
const hiddenView = summaryView
  .extend({ hiddenBy: excludePattern.describe('The exclude pattern that hides it') })
  .meta({ id: 'HiddenMessage' })

export type AbsentMessageRouteDeps = {
  readonly commands: SyncCommands
  readonly queries: Pick<SyncQueries, 'listDeleted' | 'listHidden' | 'readModels'>
  readonly mayRead: (accountId: string, userId: string | null) => Promise<boolean>
}

type ListRequest<Query> = {
  readonly params: { readonly id: string }
  readonly query: Query
  readonly actingUser: string | null
}

/** Deleting messages, looking at what was deleted or is hidden, and bringing it back. */
export const absentMessageRoutes = (
  app: App,
  { commands, queries, mayRead }: AbsentMessageRouteDeps,
): void => {
  const tags = ['Messages']
  const byId = z.object({ id: messageId })
  const viewOf = (id: string, { state }: Awaited<ReturnType<SyncCommands['deleteMessage']>>) => ({
    id,
    status: state.deletion
      ? ('deleted' as const)
      : state.hiddenBy
        ? ('hidden' as const)
        : ('present' as const),
    deletedAt: state.deletion?.deletedAt ?? null,
    erased: state.deletion?.erased ?? false,
    hiddenBy: state.hiddenBy,
    shownByHand: state.shownByHand,
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
  for (const [path, summary, description, command] of [
    [
      '/v1/messages/:id/show',
      'Show a message that an exclude pattern hides',
      'From now on no pattern hides it. One that is not hidden stays as it is.',
      commands.showMessage,
    ],
    [
      '/v1/messages/:id/show/undo',
      'Let the exclude patterns decide again about a message',
      'Undoes that somebody had it shown: a pattern that was applied and matches it hides it again.',
      commands.undoShowMessage,
    ],
  ] as const)
    app.post(path, {
      config: { permission: 'messages:write', ifMatch: 'optional' },
      schema: { tags, summary, description, params: byId, response: { 200: presenceView, ...problems } },
      handler: async (request, reply) => {
        const { id } = request.params
        const handled = await command(request.caller, id, askedRevision(request))
        return answered(reply, handled, viewOf(id, handled))
      },
    })
  const querystring = pageQuery.extend({
    ...timesOf('received'),
    sort: sortBy(['receivedAt'], '-receivedAt'),
  })
  const listed = { tags, params: z.object({ id: accountId }), querystring }
  const pageFor = async <Item extends { readonly receivedAt: string; readonly id: string }>(
    { params: { id }, query, actingUser }: ListRequest<z.infer<typeof querystring>>,
    list: (...of: Parameters<SyncQueries['listDeleted']>) => Promise<Item[]>,
  ) => {
    if (!(await mayRead(id, actingUser))) throw new NotFound('email account', id)
    const { from, to, sort, limit } = query
    const after = readCursor(query, ['instant', 'text'])
    const found = await list({ accountId: id, from, to }, { ...orderOf(sort), after, limit: limit + 1 })
    return pageFrom(found, query, ({ receivedAt, id: last }) => [receivedAt, last])
  }
  const config = { permission: 'messages:read', reads: [queries.readModels.messages] } as const

  app.get('/v1/email-accounts/:id/deleted-messages', {
    config,
    schema: {
      ...listed,
      summary: 'List the deleted messages of an account',
      response: { 200: pageOf(deletedView), ...problems },
    },
    handler: (request) => pageFor(request, queries.listDeleted),
  })
  app.get('/v1/email-accounts/:id/hidden-messages', {
    config,
    schema: {
      ...listed,
      summary: 'List the messages of an account that exclude patterns hide',
      response: { 200: pageOf(hiddenView), ...problems },
    },
    handler: (request) => pageFor(request, queries.listHidden),
  })
}
