import { z } from 'zod'
import type { SendingCommands } from '../../commands/sending/sending.ts'
import { crmId } from '../../domain/directory/events.ts'
import { draft, outgoingId, type Draft } from '../../domain/sending/events.ts'
import type { SendingQueries } from '../../projections/sending/sending.ts'
import {
  orderOf,
  pageFrom,
  pageOf,
  pageQuery,
  readCursor,
  searchIn,
  sortBy,
  timesOf,
} from '../server/pages.ts'
import { sealedFile, type FileSeals } from './sealed-files.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision, requiredRevision } from '../server/versions.ts'

const attachments = z.array(sealedFile).max(100)
const fields = draft.omit({ userId: true, automatic: true }).extend({
  attachments,
  accountId: draft.shape.accountId
    .nullable()
    .describe('Null for the account that received the message replied to, or otherwise the default account'),
})
/** An email being written. A reply may leave out its recipients and subject. */
export const draftInput = fields
  .extend({
    accountId: fields.shape.accountId.default(null),
    to: fields.shape.to.default([]),
    cc: fields.shape.cc.default([]),
    bcc: fields.shape.bcc.default([]),
    subject: fields.shape.subject.default(''),
    html: fields.shape.html.default(''),
    template: fields.shape.template.default(null).describe('Fills in the subject and body if they are empty'),
    contactId: fields.shape.contactId.default(null),
    dealId: fields.shape.dealId.default(null),
    attachments: fields.shape.attachments.default([]).describe('As returned by POST /v1/attachments'),
    trackOpens: fields.shape.trackOpens.default(null).describe("Null to follow the account's settings"),
    trackClicks: fields.shape.trackClicks.default(null).describe("Null to follow the account's settings"),
    replyTo: fields.shape.replyTo.default(null).describe('The message or email that this one replies to'),
  })
  .meta({ id: 'NewDraft' })
const draftChanges = fields.partial()

const view = draft
  .omit({ automatic: true })
  .extend({ attachments, id: z.string(), createdAt: z.string().optional(), changedAt: z.string().optional() })
  .meta({ id: 'Draft' })
const place = z.enum(['subject', 'body', 'signature'])
/** Whose values were filled in, both in a preview and when sending. */
export const chosenContact = {
  contactId: z.string().nullable().describe('The contact whose values were filled in'),
  otherContactIds: z
    .array(z.string())
    .describe(
      "Other contacts with the same address. If several have it and `contactId` chooses none, nobody's values are used",
    ),
}
const preview = z.object({
  ...chosenContact,
  from: z.object({ address: z.string(), name: z.string().optional() }),
  subject: z.string(),
  html: z.string(),
  missing: z
    .array(z.object({ variable: z.string(), where: place, reason: z.string().optional() }))
    .describe('Variables without a value; the email cannot be sent while there are any'),
  problems: z.array(
    z.object({
      variable: z.string(),
      problem: z.enum(['unknown', 'misplaced']),
      message: z.string(),
      nearest: z.string().nullable(),
      where: place,
    }),
  ),
  warnings: z
    .array(z.object({ code: z.string(), message: z.string() }))
    .describe('Things to know before sending; they do not prevent it'),
})

export type DraftRouteDeps = {
  readonly commands: SendingCommands
  readonly queries: SendingQueries
  readonly files: FileSeals
}

/** Emails being written. Users see their own; a key that acts for nobody sees all. */
export const draftRoutes = (app: App, { commands, queries, files }: DraftRouteDeps): void => {
  const tags = ['Drafts']
  const byId = z.object({ id: outgoingId })
  const toView = (id: string, of: Draft): z.infer<typeof view> => ({
    id,
    ...of,
    attachments: of.attachments.map(files.seal),
  })

  app.post('/v1/drafts', {
    config: { permission: 'messages:send' },
    schema: { tags, summary: 'Create a draft', body: draftInput, response: { 201: view, ...problems } },
    handler: async (request, reply) => {
      const input = { ...request.body, attachments: files.open(request.body.attachments) }
      const saved = await commands.saveDraft(request.caller, input, request.actingUser)
      void reply.status(201).header('location', `/v1/drafts/${saved.outgoingId}`)
      return answered(reply, saved, toView(saved.outgoingId, saved.draft))
    },
  })
  app.get('/v1/drafts', {
    config: { permission: 'messages:read', reads: [queries.readModels.drafts] },
    schema: {
      tags,
      summary: 'List drafts',
      querystring: pageQuery.extend({
        account: draft.shape.accountId.optional(),
        contact: crmId.optional().describe('Only drafts to this contact'),
        deal: crmId.optional().describe('Only drafts for this deal'),
        search: searchIn('Part of the subject'),
        ...timesOf('last changed'),
        sort: sortBy(['changedAt'], '-changedAt'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { account, contact, deal, search, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = {
        userId: actingUser ?? undefined,
        accountId: account,
        contactId: contact,
        dealId: deal,
        search,
        from,
        to,
      }
      const items = await queries.listDrafts(filter, { ...orderOf(sort), after, limit: limit + 1 })
      const sealed = items.map((item) => ({ ...item, attachments: item.attachments.map(files.seal) }))
      return pageFrom(sealed, query, ({ changedAt, id }) => [changedAt, id])
    },
  })
  app.get('/v1/drafts/:id', {
    config: { permission: 'messages:read', ifNoneMatch: true },
    schema: { tags, summary: 'Get a draft', params: byId, response: { 200: view, ...problems } },
    handler: async (request, reply) => {
      const found = await commands.findDraft(request.params.id, request.actingUser)
      return answered(reply, found, toView(request.params.id, found.draft))
    },
  })
  app.patch('/v1/drafts/:id', {
    config: { permission: 'messages:send', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change a draft',
      description: 'Each given field is replaced as a whole. Requires If-Match.',
      params: byId,
      body: draftChanges,
      response: { 200: view, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const { attachments: attached, ...others } = request.body
      const changes = attached ? { ...others, attachments: files.open(attached) } : others
      const change = { outgoingId: id, changes, ifRevision: requiredRevision(request) }
      const saved = await commands.changeDraft(request.caller, change, request.actingUser)
      return answered(reply, saved, toView(id, saved.draft))
    },
  })
  app.delete('/v1/drafts/:id', {
    config: { permission: 'messages:send', ifMatch: 'optional' },
    schema: { tags, summary: 'Discard a draft', params: byId, response: { 204: z.null(), ...problems } },
    handler: async (request, reply) => {
      const handled = await commands.discardDraft(
        request.caller,
        request.params.id,
        request.actingUser,
        askedRevision(request),
      )
      return answered(reply.status(204), handled, null)
    },
  })
  app.post('/v1/drafts/:id/preview', {
    config: { permission: 'messages:read' },
    schema: {
      tags,
      summary: 'Preview a draft as it would be sent now',
      params: byId,
      response: { 200: preview, ...problems },
    },
    handler: async (request) => {
      const {
        missing,
        problems: found,
        warnings,
        otherContactIds,
        ...rest
      } = await commands.previewDraft(request.params.id, request.actingUser)
      return {
        ...rest,
        missing: [...missing],
        problems: [...found],
        warnings: [...warnings],
        otherContactIds: [...otherContactIds],
      }
    },
  })
}
