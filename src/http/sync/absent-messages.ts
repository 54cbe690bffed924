import { z } from 'zod'
import type { Caller, Handled } from '../../commands/handle.ts'
import type { IfRevision } from '../../commands/revisions.ts'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { providerCopy } from '../../domain/sync/presence-events.ts'
import type { Presence } from '../../domain/sync/presence.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'
import { messageId, summaryView } from './messages.ts'

const restorableUntil = z.string().nullable().describe('Until when it can be restored; null if it cannot')
const presenceView = z
  .object({
    id: z.string(),
    status: z.enum(['present', 'hidden', 'deleted', 'erased']),
    restorableUntil,
  })
  .meta({ id: 'MessagePresence' })
const absentView = summaryView
  .extend({
    absent: z.enum(['deleted', 'hidden']),
    absentSince: z.string().describe('When it was deleted or hidden'),
    pattern: z.string().nullable().describe('The exclude pattern that hides it; null for a deleted one'),
    restorableUntil,
  })
  .meta({ id: 'AbsentMessage' })

export type AbsentMessageRouteDeps = {
  readonly commands: SyncCommands
  readonly queries: Pick<SyncQueries, 'listAbsent' | 'readModels'>
  readonly mayUse: (accountId: string, userId: string | null) => Promise<boolean>
  /** For so long a deleted message can be restored. */
  readonly retentionDays: number
}

/** Deleting messages, looking at what is deleted or hidden, and bringing it back. */
export const absentMessageRoutes = (
  app: App,
  { commands, queries, mayUse, retentionDays }: AbsentMessageRouteDeps,
): void => {
  const tags = ['Messages']
  const byId = z.object({ id: messageId })
  const untilOf = (deletedAt: string): string =>
    new Date(Date.parse(deletedAt) + retentionDays * 86_400_000).toISOString()
  const viewOf = (id: string, { state }: Handled<Presence>) => ({
    id,
    status: state.status,
    restorableUntil: state.status === 'deleted' ? untilOf(state.deletedAt) : null,
  })

  app.delete('/v1/messages/:id', {
    config: { permission: 'messages:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Delete a message',
      description:
        'It leaves all lists, threads and figures, and no sync brings it back. In the mailbox it stays where it is, unless `mailbox` says `trash`; nothing is ever deleted there for good. It can be restored until its content is erased. An email sent from here stays in the outbox.',
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
  for (const [verb, summary, description, command] of [
    [
      'restore',
      'Restore a deleted message',
      'In the mailbox nothing changes: what was moved into its trash stays there.',
      commands.restoreMessage,
    ],
    [
      'show',
      'Show a message that an exclude pattern has hidden',
      'No pattern hides it again.',
      commands.showMessage,
    ],
  ] as const)
    app.post(`/v1/messages/:id/${verb}`, {
      config: { permission: 'messages:write', ifMatch: 'optional' },
      schema: { tags, summary, description, params: byId, response: { 200: presenceView, ...problems } },
      handler: async (request, reply) => {
        const run: (caller: Caller, id: string, ifRevision?: IfRevision) => Promise<Handled<Presence>> = command
        const handled = await run(request.caller, request.params.id, askedRevision(request))
        return answered(reply, handled, viewOf(request.params.id, handled))
      },
    })
  app.get('/v1/email-accounts/:id/absent-messages', {
    config: { permission: 'messages:read', reads: [queries.readModels.messages] },
    schema: {
      tags,
      summary: 'List the messages of an account that are deleted or hidden',
      params: z.object({ id: accountId }),
      querystring: pageQuery.extend({
        state: absentView.shape.absent.describe('`deleted` by somebody, or `hidden` by an exclude pattern'),
        ...timesOf('received'),
        sort: sortBy(['receivedAt'], '-receivedAt'),
      }),
      response: { 200: pageOf(absentView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      if (!(await mayUse(params.id, actingUser))) throw new NotFound('email account', params.id)
      const { state: absent, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = { accountId: params.id, absent, from, to }
      const found = await queries.listAbsent(filter, { ...orderOf(sort), after, limit: limit + 1 })
      const page = pageFrom(found, query, ({ receivedAt, id }) => [receivedAt, id])
      return {
        ...page,
        data: page.data.map(({ erased, ...message }) => ({
          ...message,
          restorableUntil:
            erased || message.absent === 'hidden' ? null : untilOf(message.absentSince),
        })),
      }
    },
  })
}
