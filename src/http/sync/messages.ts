import { z } from 'zod'
import type { retryQuarantined } from '../../commands/sync/retry-quarantined.ts'
import type { skipQuarantined } from '../../commands/sync/skip-quarantined.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { writtenMailbox } from '../../domain/mail.ts'
import { messages, type MessageRow } from '../../projections/sync/messages.ts'
import { threads, type ThreadRow } from '../../projections/sync/threads.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { answered, problems, type App } from '../server/server.ts'

export const messageId = z
  .string()
  .regex(/^(msg|out)_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of a message of the mailbox, or of one that was sent from here')
/** What the mailbox itself calls a message in a folder. */
export const messageRef = z.string().describe('What the mailbox itself calls the message in the folder')
const threadId = z
  .string()
  .regex(/^thr_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of a conversation')
const people = z.array(writtenMailbox)

const summaryView = z
  .object({
    id: z.string().describe('`msg_…`, or `out_…` for a message that was sent from here'),
    accountId: z.string(),
    direction: z.enum(['in', 'out']).nullable().describe('Null for a draft: neither received nor sent'),
    isDraft: z.boolean(),
    receivedAt: z.string(),
    subject: z.string(),
    from: people,
    to: people,
    snippet: z.string(),
    seen: z.boolean(),
    attachmentCount: z.int(),
    automatic: z
      .string()
      .nullable()
      .describe('Why it counts as no answer of a person: auto-reply, report, list, bulk'),
    folders: z.array(z.string()).describe('Empty where it was removed from the mailbox'),
  })
  .meta({ id: 'MessageSummary' })
const messageView = summaryView
  .extend({
    threadId: z.string().nullable(),
    sentAt: z.string().nullable(),
    messageId: z.string().describe('The header Message-ID; empty where it has none'),
    inReplyTo: z.array(z.string()),
    references: z.array(z.string()),
    cc: people,
    bcc: people,
    replyTo: people,
    size: z.int(),
    hasHtml: z.boolean(),
    attachments: z.array(
      z.object({
        index: z.int(),
        name: z.string().nullable(),
        contentType: z.string(),
        size: z.int(),
        inline: z.boolean(),
        contentId: z.string().nullable(),
      }),
    ),
    placements: z.array(
      z.object({
        folder: z.string(),
        role: z.string().nullable(),
        ref: messageRef,
        flags: z
          .array(z.string())
          .describe('`seen`, `answered`, `flagged`, `draft`, `deleted`, and keywords of the mailbox'),
      }),
    ),
    defects: z.array(z.string()).describe('What is wrong with it, as `message-id-repeated`'),
    quarantined: z.string().nullable().describe('Why it could not be read'),
  })
  .meta({ id: 'Message' })
const threadView = z
  .object({
    id: z.string(),
    accountId: z.string(),
    subject: z.string(),
    snippet: z.string(),
    messageCount: z.int(),
    people,
    firstAt: z.string(),
    lastActivityAt: z.string(),
    lastDirection: z.enum(['in', 'out']),
    merged: z
      .array(z.string())
      .describe('Ids of threads that turned out to be part of this one; they lead here'),
  })
  .meta({ id: 'Thread' })

const directionOf = (text: string): 'in' | 'out' => (text === 'out' ? 'out' : 'in')

const isDraft = (row: MessageRow): boolean => row.direction === 'draft'

const toSummary = (row: MessageRow): z.infer<typeof summaryView> => ({
  id: row.id,
  accountId: row.account_id,
  direction: isDraft(row) ? null : directionOf(row.direction),
  isDraft: isDraft(row),
  receivedAt: row.received_at,
  subject: row.header.subject,
  from: row.header.from,
  to: row.header.to,
  snippet: row.snippet,
  seen: row.direction === 'out' || row.places.some(({ flags }) => flags.includes('seen')),
  attachmentCount: row.attachments.filter(({ inline }) => !inline).length,
  automatic: row.automatic,
  folders: [...new Set(row.places.map(({ folder }) => folder))],
})

const toMessage = (row: MessageRow, thread: string | null): z.infer<typeof messageView> => ({
  ...toSummary(row),
  threadId: thread,
  sentAt: row.sent_at,
  messageId: row.header.messageId,
  inReplyTo: row.header.inReplyTo,
  references: row.header.references,
  cc: row.header.cc,
  bcc: row.header.bcc ?? [],
  replyTo: row.header.replyTo,
  size: row.size,
  hasHtml: row.has_html,
  attachments: row.attachments.map(({ name, contentType, size, inline, contentId }, index) => {
    return { index, name, contentType, size, inline, contentId }
  }),
  placements: row.places.map(({ folder, role, ref, flags }) => ({ folder, role, ref, flags })),
  defects: row.defects,
  quarantined: row.quarantined,
})

const toThread = (row: ThreadRow): z.infer<typeof threadView> => ({
  id: row.id,
  accountId: row.account_id,
  subject: row.subject,
  snippet: row.snippet,
  messageCount: row.messages,
  people: row.people,
  firstAt: row.first_at,
  lastActivityAt: row.last_at,
  lastDirection: directionOf(row.direction),
  merged: row.merged,
})

type Key = readonly [at: string, id: string]

export type MessageRouteDeps = {
  retryQuarantined: ReturnType<typeof retryQuarantined>
  skipQuarantined: ReturnType<typeof skipQuarantined>
  /** `userId`: for whom it is asked; others' own accounts are not there for them. Null: for nobody in particular. */
  listMessages: (
    accountId: string,
    after: Key | null,
    limit: number,
    userId: string | null,
  ) => Promise<MessageRow[]>
  listFolder: (
    accountId: string,
    folder: string,
    after: Key | null,
    limit: number,
    userId: string | null,
  ) => Promise<MessageRow[]>
  messagesOf: (ids: readonly string[]) => Promise<MessageRow[]>
  findMessage: (id: string, userId: string | null) => Promise<MessageRow | undefined>
  listThreads: (
    accountId: string,
    after: Key | null,
    limit: number,
    userId: string | null,
  ) => Promise<ThreadRow[]>
  findThread: (id: string, userId: string | null) => Promise<ThreadRow | undefined>
  threadOf: (messageId: string) => Promise<string | null>
  membersOf: (thread: ThreadRow, after: Key | null, limit: number) => Promise<{ id: string; at: string }[]>
  signal: AbortSignal
}

/** Messages and conversations, and what becomes of messages that could not be read. */
const accountRequired = defineProblem(400, 'account-required', {
  title: 'Account required',
  meaning: 'Messages are listed by account, by folder of an account, or by thread.',
  remedy: 'Send account, account and folder, or thread.',
})

export const messageRoutes = (app: App, deps: MessageRouteDeps): void => {
  const tags = ['Messages']
  const byId = z.object({ id: messageId })
  const requireMessage = async (id: string, userId: string | null): Promise<MessageRow> => {
    const row = await deps.findMessage(id, userId)
    if (!row) throw new NotFound('message', id)
    return row
  }
  const requireThread = async (id: string, userId: string | null): Promise<ThreadRow> => {
    const thread = await deps.findThread(id, userId)
    if (!thread) throw new NotFound('thread', id)
    return thread
  }
  const messagesOfThread = async (thread: ThreadRow, cursor: string | undefined, limit: number) => {
    const after = readCursor(cursor, ['instant', 'text'])
    const page = toPage(
      await deps.membersOf(thread, after, limit + 1),
      limit,
      ({ at, id }) => [at, id],
      ({ id }) => id,
    )
    const rows = await deps.messagesOf(page.data)
    return { ...page, data: rows.map(toSummary) }
  }

  app.get('/v1/messages', {
    config: { permission: 'messages:read', reads: [messages, threads] },
    schema: {
      tags,
      summary: 'List messages of an account, a folder or a thread',
      description: 'The latest first; of a thread the oldest first.',
      querystring: pageQuery.extend({
        account: accountId.optional(),
        folder: z
          .string()
          .max(500)
          .optional()
          .describe('A path, or a role as `inbox` or `sent`; needs `account`'),
        thread: threadId.optional(),
      }),
      response: { 200: pageOf(summaryView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { account, folder, thread, cursor, limit } = query
      if (thread !== undefined)
        return messagesOfThread(await requireThread(thread, actingUser), cursor, limit)
      if (account === undefined) throw accountRequired()
      const after = readCursor(cursor, ['instant', 'text'])
      const rows =
        folder === undefined
          ? await deps.listMessages(account, after, limit + 1, actingUser)
          : await deps.listFolder(account, folder, after, limit + 1, actingUser)
      return toPage(rows, limit, (row) => [row.received_at, row.id], toSummary)
    },
  })
  app.get('/v1/messages/:id', {
    config: { permission: 'messages:read', reads: [messages, threads] },
    schema: { tags, summary: 'Get a message', params: byId, response: { 200: messageView, ...problems } },
    handler: async ({ params, actingUser }) => {
      const row = await requireMessage(params.id, actingUser)
      return toMessage(row, await deps.threadOf(row.id))
    },
  })
  for (const [verb, summary, command] of [
    ['retry', 'Read a quarantined message again', deps.retryQuarantined],
    ['skip', 'Let a quarantined message be', deps.skipQuarantined],
  ] as const)
    app.post(`/v1/messages/:id/${verb}`, {
      config: { permission: 'accounts:write' },
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
        const handled = await command(request.caller, request.params.id, deps.signal)
        const { state } = handled
        const became = state.status === 'released' ? state.became : null
        return answered(reply, handled, { status: state.status, became })
      },
    })
  app.get('/v1/threads', {
    config: { permission: 'messages:read', reads: [threads] },
    schema: {
      tags,
      summary: 'List conversations of an account, the latest activity first',
      querystring: pageQuery.extend({ account: accountId }),
      response: { 200: pageOf(threadView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const after = readCursor(query.cursor, ['instant', 'text'])
      const rows = await deps.listThreads(query.account, after, query.limit + 1, actingUser)
      return toPage(rows, query.limit, (row) => [row.last_at, row.id], toThread)
    },
  })
  app.get('/v1/threads/:id', {
    config: { permission: 'messages:read', reads: [threads, messages] },
    schema: {
      tags,
      summary: 'Get a conversation with its messages, the oldest first',
      params: z.object({ id: threadId }),
      response: { 200: threadView.extend({ messages: pageOf(summaryView) }), ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const thread = await requireThread(params.id, actingUser)
      return { ...toThread(thread), messages: await messagesOfThread(thread, undefined, 200) }
    },
  })
}
