import { z } from 'zod'
import type { Caller } from '../../commands/handle.ts'
import type { IfRevision } from '../../commands/revisions.ts'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { writtenMailbox } from '../../domain/mail.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'
import { visible, visibleSnippet, visibleSubject } from '../server/visible.ts'

export const messageId = z
  .string()
  .regex(/^(msg|out)_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of a message in the mailbox, or of an email sent from here')
/** The mailbox's own name for a message in a folder. */
export const messageRef = z.string().describe("The mailbox's own name for the message in the folder")
const threadId = z
  .string()
  .regex(/^thr_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of a thread')
const people = z.array(writtenMailbox)

export const summaryView = z
  .object({
    id: z.string().describe('`msg_…`, or `out_…` for an email sent from here'),
    accountId: z.string(),
    userId: z
      .string()
      .nullable()
      .describe('The user who sent it, or who sent the email of ours that it answers; null for none'),
    direction: z.enum(['in', 'out']).nullable().describe('Null for a draft: neither received nor sent'),
    isDraft: z.boolean(),
    receivedAt: z.string(),
    subject: visibleSubject,
    from: people,
    to: people,
    snippet: visibleSnippet,
    seen: z.boolean(),
    attachmentCount: z.int(),
    automatic: z
      .string()
      .nullable()
      .describe("Why it does not count as a person's reply: auto-reply, report, list, bulk"),
    folders: z.array(z.string()).describe('Empty if it was removed from the mailbox'),
    visibility: visible,
  })
  .meta({ id: 'MessageSummary' })
const messageView = summaryView
  .extend({
    threadId: z.string().nullable(),
    sentAt: z.string().nullable(),
    messageId: z.string().describe('The Message-ID header; empty if there is none'),
    inReplyTo: z.array(z.string()),
    references: z.array(z.string()),
    cc: people,
    bcc: people,
    replyTo: people,
    size: z.int(),
    hasHtml: z.boolean(),
    attachments: z
      .array(
        z.object({
          index: z.int(),
          name: z.string().nullable(),
          contentType: z.string(),
          size: z.int(),
          inline: z.boolean(),
          contentId: z.string().nullable(),
        }),
      )
      .nullable()
      .describe('Files that are attached; null if not everything is visible to you'),
    placements: z.array(
      z.object({
        folder: z.string(),
        role: z.string().nullable(),
        ref: messageRef,
        flags: z
          .array(z.string())
          .describe("`seen`, `answered`, `flagged`, `draft`, `deleted`, and the mailbox's own keywords"),
      }),
    ),
    defects: z.array(z.string()).describe('What is wrong with it, such as `message-id-repeated`'),
    quarantined: z.string().nullable().describe('Why it could not be read'),
  })
  .meta({ id: 'Message' })
export const threadView = z
  .object({
    id: z.string(),
    accountId: z.string(),
    subject: visibleSubject,
    snippet: visibleSnippet,
    messageCount: z.int(),
    people,
    firstAt: z.string(),
    lastActivityAt: z.string(),
    lastDirection: z.enum(['in', 'out']),
    merged: z
      .array(z.string())
      .describe('Ids of threads that turned out to be part of this one; they lead here'),
    visibility: visible,
  })
  .meta({ id: 'Thread' })

export type MessageRouteDeps = {
  readonly commands: SyncCommands
  readonly queries: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly signal: AbortSignal
}

const messageSort = sortBy(['receivedAt'], '-receivedAt').unwrap()
const messagesQuery = pageQuery.extend({
  account: accountId.optional(),
  folder: z
    .string()
    .max(500)
    .optional()
    .describe('A path, or a role such as `inbox` or `sent`; requires `account`'),
  direction: z
    .enum(['in', 'out'])
    .optional()
    .describe('Only messages that were received, or that were sent; requires `account`, without `folder`'),
  thread: threadId.optional().describe('Requires that none of the three above is sent'),
  ...timesOf('received'),
  sort: messageSort
    .optional()
    .describe(
      '`receivedAt`: oldest first, as in a thread if omitted. `-receivedAt`: latest first, as otherwise if omitted',
    ),
})
type MessagesQuery = z.infer<typeof messagesQuery>

const filtersConflict = defineProblem(400, 'filters-conflict', {
  title: 'Filters cannot be combined',
  meaning: 'A thread is listed as a whole, and a folder with what was received and sent.',
  remedy: 'Send `thread` without `account`, `folder` and `direction`, and `folder` without `direction`.',
})
const accountRequired = defineProblem(400, 'account-required', {
  title: 'Account required',
  meaning: 'Messages are listed by account, by folder of an account, or by thread.',
  remedy: 'Send `account`, `account` and `folder`, or `thread`.',
})

/** Messages and threads, and decisions about messages that could not be read. */
export const messageRoutes = (
  app: App,
  { commands, queries, accountList, signal }: MessageRouteDeps,
): void => {
  const { messages, threads } = queries.readModels
  const tags = ['Messages']
  const byId = z.object({ id: messageId })
  const requireThread = async (id: string, userId: string | null) => {
    const thread = await queries.findThread(id, userId)
    if (!thread) throw new NotFound('thread', id)
    return thread
  }
  const messagesOfThread = async (
    thread: NonNullable<Awaited<ReturnType<SyncQueries['findThread']>>>,
    userId: string | null,
    { sort = 'receivedAt', ...asked }: MessagesQuery,
  ) => {
    const query = { ...asked, sort, thread: thread.id }
    const after = readCursor(query, ['instant', 'text'])
    const members = await queries.membersOf(
      thread,
      { ...orderOf(sort), after, limit: query.limit + 1 },
      query,
    )
    const page = pageFrom(members, query, ({ at, id }) => [at, id])
    const ids = page.data.map(({ id }) => id)
    return { ...page, data: await queries.messagesOf(thread.accountId, ids, userId) }
  }

  app.get('/v1/messages', {
    config: { permission: 'messages:read', reads: [messages, threads, accountList] },
    schema: {
      tags,
      summary: 'List the messages of an account, a folder or a thread',
      querystring: messagesQuery,
      response: { 200: pageOf(summaryView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { account, folder, direction, thread, from, to, sort = '-receivedAt', limit } = query
      if (thread !== undefined) {
        if ((account ?? folder ?? direction) !== undefined) throw filtersConflict()
        return messagesOfThread(await requireThread(thread, actingUser), actingUser, query)
      }
      if (account === undefined) throw accountRequired()
      if (folder !== undefined && direction !== undefined) throw filtersConflict()
      const list = { ...query, sort }
      const after = readCursor(list, ['instant', 'text'])
      const filter = { accountId: account, folder, direction, userId: actingUser, from, to }
      const found = await queries.listMessages(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(found, list, ({ receivedAt, id }) => [receivedAt, id])
    },
  })
  app.get('/v1/messages/:id', {
    config: { permission: 'messages:read', reads: [messages, threads, accountList] },
    schema: { tags, summary: 'Get a message', params: byId, response: { 200: messageView, ...problems } },
    handler: async ({ params, actingUser }) => {
      const found = await queries.findMessage(params.id, actingUser)
      if (!found) throw new NotFound('message', params.id)
      return { ...found, threadId: await queries.threadOf(found.id) }
    },
  })
  for (const [verb, summary, command] of [
    [
      'retry',
      'Read a quarantined message again',
      (caller: Caller, id: string, ifRevision?: IfRevision) =>
        commands.retryQuarantined(caller, id, signal, ifRevision),
    ],
    ['skip', 'Skip a quarantined message', commands.skipQuarantined],
  ] as const)
    app.post(`/v1/messages/:id/${verb}`, {
      config: { permission: 'accounts:write', ifMatch: 'optional' },
      schema: {
        tags,
        summary,
        params: byId,
        response: {
          200: z.object({ status: z.string(), became: z.string().nullable() }),
          ...problems,
        },
      },
      handler: async (request, reply) => {
        const handled = await command(request.caller, request.params.id, askedRevision(request))
        const { state } = handled
        const became = state.status === 'released' ? state.became : null
        return answered(reply, handled, { status: state.status, became })
      },
    })
  app.get('/v1/threads', {
    config: { permission: 'messages:read', reads: [threads, accountList] },
    schema: {
      tags,
      summary: 'List the threads of an account',
      querystring: pageQuery.extend({
        account: accountId,
        lastDirection: threadView.shape.lastDirection
          .optional()
          .describe(
            '`in`: only threads that wait for an answer of ours. `out`: only those that we wrote in last',
          ),
        automatic: z
          .stringbool()
          .default(false)
          .describe('Also threads in which no person wrote anything, such as reports of bounces'),
        ...timesOf('last active'),
        sort: sortBy(['lastActivityAt'], '-lastActivityAt'),
      }),
      response: { 200: pageOf(threadView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { account, lastDirection, automatic, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = { accountId: account, userId: actingUser, lastDirection, automatic, from, to }
      const found = await queries.listThreads(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(found, query, ({ lastActivityAt, id }) => [lastActivityAt, id])
    },
  })
  app.get('/v1/threads/:id', {
    config: { permission: 'messages:read', reads: [threads, messages, accountList] },
    schema: {
      tags,
      summary: 'Get a thread with its messages, oldest first',
      params: z.object({ id: threadId }),
      response: { 200: threadView.extend({ messages: pageOf(summaryView) }), ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const thread = await requireThread(params.id, actingUser)
      return { ...thread, messages: await messagesOfThread(thread, actingUser, { limit: 200 }) }
    },
  })
}
