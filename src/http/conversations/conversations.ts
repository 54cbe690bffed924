import { z } from 'zod'
import type { ConversationCommands } from '../../commands/conversations/conversations.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { sentenceOf } from '../../domain/audit/sentence.ts'
import { conversationId, tag } from '../../domain/conversations/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import type { ConversationQueries } from '../../projections/conversations/conversations.ts'
import { actorView } from '../server/actor-view.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { requiredUser } from '../server/user-required.ts'
import { conversationView, status } from './conversation-view.ts'

export type ConversationRouteDeps = {
  readonly commands: ConversationCommands
  readonly queries: ConversationQueries
  /** The accounts that this user may read. */
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
  readonly mayRead: (accountId: string, userId: string | null) => Promise<boolean>
  /** The read model that says who may read which account. */
  readonly accountList: { readonly name: string }
}

type ConversationItem = NonNullable<Awaited<ReturnType<ConversationQueries['find']>>>

const counts = z
  .object({
    open: z.int().describe('How many are open'),
    waiting: z.int().describe('How many wait for the other side'),
    snoozed: z.int().describe('How many are snoozed'),
    closed: z.int().describe('How many are closed'),
    assignees: z
      .array(
        z.object({
          assigneeId: z
            .string()
            .nullable()
            .describe('The user they are assigned to; null for the unassigned'),
          count: z.int(),
        }),
      )
      .describe('How many are not closed, by the user they are assigned to'),
  })
  .meta({ id: 'ConversationCounts' })

const historyView = z
  .object({
    id: z.string().describe('Id of the event'),
    type: z.string().describe('What kind of event it is'),
    summary: z.string().describe('What happened, in a sentence for people'),
    at: z.string(),
    actor: actorView,
  })
  .meta({ id: 'ConversationChange' })

/** Conversations as people work through them. */
export const conversationRoutes = (app: App, deps: ConversationRouteDeps): void => {
  const { commands, queries, readableAccounts, mayRead, accountList } = deps
  const tags = ['Conversations']
  const params = z.object({ id: conversationId })
  const config = {
    permission: 'conversations:read',
    reads: [queries.readModels.conversationList, accountList],
  } as const
  /** The conversation that this id leads to, if the user may read its account. @throws NotFound */
  const find = async (id: string, userId: string | null): Promise<ConversationItem> => {
    const found = await queries.find(id, userId)
    if (!found || !(await mayRead(found.accountId, userId))) throw new NotFound('conversation', id)
    return found
  }

  app.get('/v1/conversations', {
    config,
    schema: {
      tags,
      summary: 'List the conversations of shared accounts',
      description:
        'A conversation is a thread of an account that several people work with, from the time on when that was connected. ' +
        'Mail that programs write opens none.',
      querystring: pageQuery.extend({
        accountId: accountId.optional().describe('Only conversations of this account'),
        status: status.optional(),
        assignedTo: crmId.optional().describe('Only conversations assigned to this user'),
        unassigned: z
          .stringbool()
          .optional()
          .describe('`true`: only unassigned conversations; `false`: only assigned ones'),
        tag: tag.optional().describe('Only conversations with this tag'),
        unreadBy: z
          .literal('me')
          .optional()
          .describe('Only conversations whose last message the acting user has not seen'),
        sort: sortBy(['waitingSince', 'lastReceivedAt'], 'waitingSince'),
      }),
      response: { 200: pageOf(conversationView), ...problems },
    },
    handler: async (request) => {
      const { query, actingUser } = request
      const { accountId: asked, assignedTo, unassigned, sort, limit } = query
      const readable = actingUser === null ? null : await readableAccounts(actingUser)
      const accounts =
        asked === undefined ? readable : readable === null || readable.includes(asked) ? [asked] : []
      const filter = {
        accounts,
        status: query.status,
        assigneeId: assignedTo,
        unassigned,
        tag: query.tag,
        unreadBy: query.unreadBy === undefined ? undefined : requiredUser(request),
      }
      const { by, descending } = orderOf(sort)
      const after = readCursor(query, ['instant', 'text'])
      const found = await queries.list(filter, actingUser, { by, descending, after, limit: limit + 1 })
      return pageFrom(found, query, (item) => [item[by], item.id])
    },
  })
  app.get('/v1/email-accounts/:id/conversation-counts', {
    config,
    schema: {
      tags,
      summary: 'Count the conversations of an account',
      params: z.object({ id: accountId }),
      response: { 200: counts, ...problems },
    },
    handler: async ({ params: { id }, actingUser }) => {
      if (!(await mayRead(id, actingUser))) throw new NotFound('email account', id)
      return queries.counts(id)
    },
  })
  app.get('/v1/conversations/:id', {
    config: { ...config, ifNoneMatch: true },
    schema: {
      tags,
      summary: 'Get a conversation',
      description:
        'Its id is that of its thread. If threads were merged, all their ids lead to the same one.',
      params,
      response: { 200: conversationView, ...problems },
    },
    handler: async ({ params: { id }, actingUser }, reply) => {
      const found = await find(id, actingUser)
      return answered(reply, { revision: found.revision, position: null }, found)
    },
  })
  app.get('/v1/conversations/:id/history', {
    config,
    schema: {
      tags,
      summary: 'List what happened in a conversation, oldest first',
      params,
      querystring: pageQuery,
      response: { 200: pageOf(historyView), ...problems },
    },
    handler: async ({ params: { id }, query, actingUser }) => {
      const found = await find(id, actingUser)
      const [after = -1] = readCursor(query, ['integer']) ?? []
      const events = await commands.history(found.id, after, query.limit + 1)
      const page = pageFrom(events, query, ({ revision }) => [revision])
      const data = page.data.map((event) => ({
        id: event.id,
        type: event.type,
        summary: sentenceOf(event),
        at: event.metadata.occurredAt,
        actor: event.metadata.actor,
      }))
      return { ...page, data }
    },
  })
}
