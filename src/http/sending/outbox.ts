import { z } from 'zod'
import type { BlobStore } from '../../commands/ports/blobs.ts'
import type { cancelEmail } from '../../commands/sending/cancel-email.ts'
import type { ownEmail } from '../../commands/sending/own-email.ts'
import type { queueEmail } from '../../commands/sending/queue-email.ts'
import type { settleEmail } from '../../commands/sending/settle-email.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { askedInstant } from '../../domain/mail.ts'
import { outgoingId } from '../../domain/sending/events.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { answerLost } from '../../domain/sending/refusals.ts'
import { outbox, outboxStates, type OutboxRow, type OutboxState } from '../../projections/sending/outbox.ts'
import { download, fileAnswer } from '../server/downloads.ts'
import { draftInput } from './drafts.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
import type { FileSeals } from './sealed-files.ts'
import { answered, problems, type App } from '../server/server.ts'

const when = {
  scheduledAt: askedInstant.nullable().default(null).describe('Not before this instant; null: at once'),
  undoSeconds: z.int().min(0).max(60).default(10).describe('How long a cancel is sure to be in time'),
}
const queueBody = z.union([
  z.object({ draftId: outgoingId, ...when }),
  z.object({ message: draftInput, ...when }),
])
const state = z
  .enum(outboxStates)
  .describe(
    '`queued`, `scheduled`, `deferred`: waiting, a cancel is certain. `releasing`: at this moment with the mail server. ' +
      '`sent`: the server took it. `failed`: known not to be sent. `unknown`: the answer was lost; it is not sent again ' +
      'unless a person says so.',
  )
const mailbox = z.object({ address: z.string(), name: z.string().optional() })
const view = z
  .object({
    id: z.string(),
    state,
    accountId: z.string(),
    userId: z.string().nullable(),
    contactId: z.string().nullable(),
    dealId: z.string().nullable(),
    templateId: z.string().nullable(),
    messageId: z.string().describe('Message-ID in the mail, without angle brackets'),
    from: mailbox,
    to: z.array(mailbox),
    cc: z.array(mailbox),
    bcc: z.array(mailbox),
    subject: z.string(),
    snippet: z.string(),
    attachments: z.int(),
    size: z.int(),
    tracking: z.object({ opens: z.boolean(), clicks: z.boolean(), reason: z.string() }),
    attempts: z.int(),
    dueAt: z.string().nullable(),
    code: z.string().nullable(),
    reason: z.string().nullable(),
    remedy: z.string().nullable(),
    refused: z.array(
      z.object({
        address: z.string(),
        code: z.int().nullable(),
        enhancedCode: z.string().nullable(),
        reason: z.string(),
      }),
    ),
    settled: z.boolean().describe('A person decided to let an unknown outcome be'),
    queuedAt: z.string(),
    scheduledAt: z.string().nullable(),
    sentAt: z.string().nullable(),
    evidence: z.string().nullable().describe('`answer` of the server, or `found` in a mailbox later'),
    copy: z.string().nullable().describe('In the Sent folder: `filed` by us, `found` there, or `impossible`'),
    deliveredAt: z.string().nullable(),
    bounced: z.int(),
    changedAt: z.string(),
  })
  .meta({ id: 'OutboxEmail' })
const changed = z.object({ id: z.string(), state, dueAt: z.string().nullable() })

const toView = (row: OutboxRow): z.infer<typeof view> => ({
  id: row.id,
  state: row.state as OutboxState,
  accountId: row.account_id,
  userId: row.user_id,
  contactId: row.contact_id,
  dealId: row.deal_id,
  templateId: row.template_id,
  messageId: row.message_id,
  from: row.from,
  ...row.recipients,
  subject: row.subject,
  snippet: row.snippet,
  attachments: row.attachments,
  size: row.size,
  tracking: { opens: row.tracked_opens, clicks: row.tracked_clicks, reason: row.tracking_reason },
  attempts: row.attempts,
  dueAt: row.due_at,
  code: row.code,
  reason: row.reason,
  remedy: row.state === 'unknown' && !row.settled ? answerLost.remedy : row.remedy,
  refused: row.refused,
  settled: row.settled,
  queuedAt: row.queued_at,
  scheduledAt: row.scheduled_at,
  sentAt: row.sent_at,
  evidence: row.evidence,
  copy: row.copy,
  deliveredAt: row.delivered_at,
  bounced: row.bounced,
  changedAt: row.changed_at,
})

const toChanged = (id: string, of: OutgoingEmail): z.infer<typeof changed> => {
  if (!('message' in of)) throw new NotFound('message', id)
  const scheduled = of.status === 'queued' && of.attempts === 0 && of.message.scheduledAt !== null
  return { id, state: scheduled ? 'scheduled' : of.status, dueAt: 'dueAt' in of ? of.dueAt : null }
}

export type OutboxDeps = {
  queueEmail: ReturnType<typeof queueEmail>
  cancelEmail: ReturnType<typeof cancelEmail>
  settleEmail: ReturnType<typeof settleEmail>
  listOutbox: (
    filter: {
      state?: OutboxState | undefined
      accountId?: string | undefined
      /** For whom it is asked; others' own accounts are not there for them. Null: for nobody in particular. */
      userId: string | null
    },
    after: [queuedAt: string, id: string] | null,
    limit: number,
  ) => Promise<OutboxRow[]>
  findOutgoing: (id: string, userId: string | null) => Promise<OutboxRow | undefined>
  blobs: Pick<BlobStore, 'get'>
  ownEmail: ReturnType<typeof ownEmail>
  files: FileSeals
}

/** Messages on their way out, and what became of them. */
export const outboxRoutes = (app: App, deps: OutboxDeps): void => {
  const tags = ['Outbox']
  const byId = z.object({ id: outgoingId })

  app.post('/v1/outbox', {
    config: { permission: 'messages:send' },
    schema: {
      tags,
      summary: 'Send a message, now or later',
      description: 'From a draft, or written here. Missing variables refuse it with the list of them.',
      body: queueBody,
      response: { 201: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { scheduledAt, undoSeconds, ...written } = request.body
      const content =
        'message' in written
          ? {
              message: { ...written.message, attachments: deps.files.open(written.message.attachments) },
            }
          : written
      const asked = { content, scheduledAt, undoSeconds }
      const queued = await deps.queueEmail(request.caller, asked, request.actingUser)
      void reply.status(201).header('location', `/v1/outbox/${queued.outgoingId}`)
      return answered(reply, queued, toChanged(queued.outgoingId, queued.state))
    },
  })
  app.get('/v1/outbox', {
    config: { permission: 'messages:read', reads: [outbox] },
    schema: {
      tags,
      summary: 'List messages, the last queued first',
      querystring: pageQuery.extend({ state: state.optional(), account: accountId.optional() }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const after = readCursor(query.cursor, ['instant', 'text'])
      const rows = await deps.listOutbox(
        { state: query.state, accountId: query.account, userId: actingUser },
        after,
        query.limit + 1,
      )
      return toPage(rows, query.limit, (row) => [row.queued_at, row.id], toView)
    },
  })
  app.get('/v1/outbox/:id', {
    config: { permission: 'messages:read', reads: [outbox] },
    schema: { tags, summary: 'Get a message', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const row = await deps.findOutgoing(params.id, actingUser)
      if (!row) throw new NotFound('message', params.id)
      return answered(reply, { revision: row.revision, position: null }, toView(row))
    },
  })
  app.post('/v1/outbox/:id/cancellation', {
    config: { permission: 'messages:send' },
    schema: {
      tags,
      summary: 'Hold a message back',
      description: 'Certain until the message is released; `too-late-to-cancel` from then on.',
      params: byId,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await deps.cancelEmail(request.caller, id)
      return answered(reply, handled, toChanged(id, handled.state))
    },
  })
  app.post('/v1/outbox/:id/settlement', {
    config: { permission: 'messages:send' },
    schema: {
      tags,
      summary: 'Decide about a message whose outcome is unknown, or that failed',
      description:
        '`send-again` sends the same bytes once more: after an unknown outcome it may arrive twice.',
      params: byId,
      body: z.object({ decision: z.enum(['send-again', 'give-up']) }),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const settled = { outgoingId: id, decision: request.body.decision }
      const handled = await deps.settleEmail(request.caller, settled)
      return answered(reply, handled, toChanged(id, handled.state))
    },
  })
  app.get('/v1/outbox/:id/raw', {
    config: { permission: 'messages:read' },
    schema: {
      tags,
      summary: 'The bytes of a message',
      description:
        '`wire`: as they are sent. `copy`: as filed in Sent, without pixel and with the original links.',
      params: byId,
      querystring: z.object({ form: z.enum(['wire', 'copy']).default('copy').describe('Which of the two') }),
      response: { ...fileAnswer('message/rfc822', 'The message'), ...problems },
    },
    handler: async ({ params, query, actingUser }, reply) => {
      const found = await deps.ownEmail(params.id, actingUser)
      if (!('message' in found)) throw new NotFound('message', params.id)
      const { blob } = query.form === 'wire' ? found.message.mime : found.message.copy
      const bytes = await deps.blobs.get(blob)
      if (!bytes) throw new Error(`The blob ${blob} is not kept`)
      return download(reply, bytes, 'message/rfc822', `${params.id}.eml`)
    },
  })
}
