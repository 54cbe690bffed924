import { z } from 'zod'
import type { SendingCommands } from '../../commands/sending/sending.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import { outgoingId } from '../../domain/sending/events.ts'
import { templateId } from '../../domain/templates/events.ts'
import { isSentInPart, type OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { SendingQueries } from '../../projections/sending/sending.ts'
import { download, fileAnswer } from '../server/downloads.ts'
import { chosenContact, draftInput } from './drafts.ts'
import { delivery, outcomes } from '../server/outcomes.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import type { FileSeals } from './sealed-files.ts'
import { answered, problems, type App } from '../server/server.ts'
import { visible, visibleSnippet, visibleSubject } from '../server/visible.ts'
import { askedRevision } from '../server/versions.ts'

const when = {
  scheduledAt: askedInstant
    .nullable()
    .default(null)
    .describe('Send no earlier than this instant; null to send right away'),
  undoSeconds: z
    .int()
    .min(0)
    .max(60)
    .default(10)
    .describe('Seconds during which nothing is sent, so that cancelling always works'),
}
const collision = {
  conversationVersion: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Of a reply: the `version` of its conversation that its writer has seen. If mail has come since, or another answer was queued or sent, the reply is refused as `conversation-changed`. Without it, a reply is refused only if somebody else has answered since the message that it answers',
    ),
  sendAnyway: z
    .boolean()
    .default(false)
    .describe('Queues a reply although its conversation may have changed, which is recorded'),
}
const queueBody = z.union([
  z.object({ draftId: outgoingId, ...when, ...collision }),
  z.object({ email: draftInput, ...when, ...collision }),
])
const state = z
  .enum(['queued', 'scheduled', 'deferred', 'sending', 'sent', 'failed', 'unknown', 'cancelled'])
  .describe(
    '`queued`, `scheduled`, `deferred`: waiting, can be cancelled. `sending`: being handed to the mail server. ' +
      '`sent`: the server took it for at least one recipient; `dueAt` is when it is tried again for any that were ' +
      'deferred. `failed`: known not to have been sent. `unknown`: the answer was lost; it is not sent again ' +
      'unless somebody decides so.',
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
    messageId: z.string().describe('The Message-ID header, without angle brackets'),
    from: mailbox,
    to: z.array(mailbox),
    cc: z.array(mailbox),
    bcc: z.array(mailbox),
    subject: visibleSubject,
    snippet: visibleSnippet,
    attachments: z.int(),
    size: z.int(),
    tracking: z.object({ opens: z.boolean(), clicks: z.boolean(), reason: z.string() }),
    attempts: z.int(),
    dueAt: z.string().nullable(),
    code: z.string().nullable(),
    reason: z.string().nullable(),
    remedy: z.string().nullable(),
    settled: z.boolean().describe('Whether somebody has settled the unknown outcome'),
    queuedAt: z.string(),
    scheduledAt: z.string().nullable(),
    sentAt: z.string().nullable(),
    evidence: z
      .string()
      .nullable()
      .describe(
        'How it is known to have been sent: from the `answer` of the mail server, or because it was `found` in the mailbox',
      ),
    copy: z
      .string()
      .nullable()
      .describe('The copy in the Sent folder: `filed` by Mailtrail, `found` there, or `impossible`'),
    delivery,
    outcomes: outcomes.describe('The outcome for each recipient, including Bcc'),
    changedAt: z.string(),
    visibility: visible,
  })
  .meta({ id: 'OutboxEmail' })
const changed = z.object({ id: z.string(), state, dueAt: z.string().nullable() })
const queuedAnswer = changed.extend(chosenContact)

const toChanged = (id: string, of: OutgoingEmail): z.infer<typeof changed> => {
  if (!('email' in of)) throw new NotFound('email', id)
  const scheduled = of.status === 'queued' && of.attempts === 0 && of.email.scheduledAt !== null
  const shown = scheduled ? 'scheduled' : isSentInPart(of) ? 'sent' : of.status
  return { id, state: shown, dueAt: 'dueAt' in of ? of.dueAt : null }
}

export type OutboxRouteDeps = {
  readonly commands: SendingCommands
  readonly queries: SendingQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly files: FileSeals
  /** Read models that tell who has opted out of tracking. */
  readonly recipients: readonly { readonly name: string }[]
}

/** Queued and sent emails, and what became of them. */
export const outboxRoutes = (
  app: App,
  { commands, queries, accountList, files, recipients }: OutboxRouteDeps,
): void => {
  const tags = ['Outbox']
  const byId = z.object({ id: outgoingId })

  app.post('/v1/outbox', {
    config: { permission: 'messages:send', reads: recipients },
    schema: {
      tags,
      summary: 'Send an email now or later',
      description:
        'Sends a draft, or an email given in the request. If a variable has no value, nothing is sent and the answer lists every such variable. A reply in a conversation is refused if somebody else has answered meanwhile.',
      body: queueBody,
      response: { 201: queuedAnswer, ...problems },
    },
    handler: async (request, reply) => {
      const { scheduledAt, undoSeconds, conversationVersion, sendAnyway, ...written } = request.body
      const content =
        'email' in written
          ? {
              email: { ...written.email, attachments: files.open(written.email.attachments) },
            }
          : written
      const asked = { content, scheduledAt, undoSeconds, conversationVersion, sendAnyway }
      const queued = await commands.queue(request.caller, asked, request.actingUser)
      void reply.status(201).header('location', `/v1/outbox/${queued.outgoingId}`)
      const { outgoingId: id, contactId, otherContactIds } = queued
      const answer = { ...toChanged(id, queued.state), contactId, otherContactIds: [...otherContactIds] }
      return answered(reply, queued, answer)
    },
  })
  app.get('/v1/outbox', {
    config: { permission: 'messages:read', reads: [queries.readModels.outbox, accountList] },
    schema: {
      tags,
      summary: 'List queued and sent emails',
      querystring: pageQuery.extend({
        state: state.optional(),
        account: accountId.optional(),
        user: crmId.optional().describe('Only emails that this user sent'),
        contact: crmId.optional().describe('Only emails to this contact'),
        deal: crmId.optional().describe('Only emails for this deal'),
        template: templateId.optional().describe('Only emails that were made from this template'),
        ...timesOf('queued'),
        sort: sortBy(['queuedAt'], '-queuedAt'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { state: wanted, account, user, contact, deal, template, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = {
        seenBy: actingUser,
        state: wanted,
        accountId: account,
        userId: user,
        contactId: contact,
        dealId: deal,
        templateId: template,
        from,
        to,
      }
      const emails = await queries.listEmails(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(emails, query, ({ queuedAt, id }) => [queuedAt, id])
    },
  })
  app.get('/v1/outbox/:id', {
    config: {
      permission: 'messages:read',
      reads: [queries.readModels.outbox, accountList],
      ifNoneMatch: true,
    },
    schema: { tags, summary: 'Get an email', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const found = await queries.findEmail(params.id, actingUser)
      if (!found) throw new NotFound('email', params.id)
      return answered(reply, { revision: found.revision, position: null }, found)
    },
  })
  app.post('/v1/outbox/:id/cancellation', {
    config: { permission: 'messages:send', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Cancel a queued email',
      description:
        'Always works until the email is released; after that it is refused as `too-late-to-cancel`. A cancelled email is a ' +
        'draft again, under the same id.',
      params: byId,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.cancel(request.caller, id, askedRevision(request))
      return answered(reply, handled, toChanged(id, handled.state))
    },
  })
  app.post('/v1/outbox/:id/settlement', {
    config: { permission: 'messages:send', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Settle an email that failed or whose outcome is unknown',
      description:
        '`send-again` sends the same bytes again; if the outcome was unknown, the email may arrive twice. A failed email ' +
        'can also be changed as a draft, under the same id, and sent again. After five days that is the only way, since the ' +
        'same bytes carry the old date.',
      params: byId,
      body: z.object({ decision: z.enum(['send-again', 'give-up']), ...collision }),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const settled = { outgoingId: id, ...request.body }
      const handled = await commands.settle(request.caller, settled, askedRevision(request))
      return answered(reply, handled, toChanged(id, handled.state))
    },
  })
  app.get('/v1/outbox/:id/raw', {
    config: { permission: 'messages:read' },
    schema: {
      tags,
      summary: 'Download an email',
      description:
        '`wire` is what is sent; `copy` is what is filed in Sent, without the pixel and with the original links.',
      params: byId,
      querystring: z.object({
        form: z.enum(['wire', 'copy']).default('copy').describe('Which form to download'),
      }),
      response: { ...fileAnswer('message/rfc822', 'The email'), ...problems },
    },
    handler: async ({ params, query, actingUser }, reply) => {
      const bytes = await commands.bytes(params.id, actingUser, query.form)
      return download(reply, bytes, 'message/rfc822', `${params.id}.eml`)
    },
  })
}
