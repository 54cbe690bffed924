import { z } from 'zod'
import type { TemplateCommands } from '../../commands/templates/templates.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { templateContent, templateId } from '../../domain/templates/events.ts'
import { SIGNATURE, variables } from '../../domain/templates/variables.ts'
import type { TemplateQueries } from '../../projections/templates/templates.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, searchIn, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { requiredUser } from '../server/user-required.ts'
import { askedRevision, requiredRevision } from '../server/versions.ts'

const scope = z.enum(['personal', 'shared'])
const item = z.object({
  id: z.string(),
  scope,
  userId: z.string().nullable().describe('The owner of a personal template'),
  name: z.string(),
  subject: z.string(),
  format: z.enum(['html', 'mjml']),
  version: z.int(),
  createdAt: z.string(),
  changedAt: z.string(),
})
const view = item
  .omit({ format: true })
  .extend({
    body: templateContent.shape.body,
    variables: z.array(z.string()).describe('Variables that the template uses'),
  })
  .meta({ id: 'Template' })
const changed = z.object({ id: z.string(), version: z.int() })
const versionView = z
  .object({
    templateId: z.string(),
    version: z.int(),
    createdAt: z.string(),
    createdBy: z.string().nullable(),
  })
  .extend(templateContent.shape)
const place = z.enum(['subject', 'body', 'signature'])
const preview = z.object({
  version: z.int(),
  subject: z.string(),
  html: z.string(),
  missing: z
    .array(z.object({ variable: z.string(), where: place }))
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
  warnings: z.array(z.object({ code: z.string(), message: z.string() })),
})
const previewFor = z.object({
  contactId: crmId.nullable().default(null),
  dealId: crmId.nullable().default(null),
  accountId: z
    .string()
    .nullable()
    .default(null)
    .describe('The account whose signature and address are shown'),
  userId: crmId.nullable().default(null).describe('The sender, if the request is made on behalf of no user'),
})
const variableView = z.object({
  name: z.string(),
  written: z.string(),
  description: z.string(),
  places: z.array(place),
})

const allVariables = [
  ...Object.entries(variables).map(([name, description]) => ({
    name,
    written: `{${name}}`,
    description,
    places: place.options,
  })),
  {
    name: SIGNATURE,
    written: `{${SIGNATURE}}`,
    description: 'The signature of the account that the email is sent from',
    places: ['body' as const],
  },
]

export type TemplateRouteDeps = { readonly commands: TemplateCommands; readonly queries: TemplateQueries }

/** Templates: the user's own and the shared ones. The acting user is the key's, or the one in `Mailtrail-User`. */
export const templateRoutes = (app: App, { commands, queries }: TemplateRouteDeps): void => {
  const tags = ['Templates']
  const byId = z.object({ id: templateId })

  app.get('/v1/templates', {
    config: { permission: 'templates:read', reads: [queries.readModels.templateList] },
    schema: {
      tags,
      summary: 'List your templates and the shared ones',
      querystring: pageQuery.extend({
        scope: scope.optional().describe('Both if omitted'),
        format: item.shape.format.optional().describe('Only templates that are written in it'),
        search: searchIn('Part of the name or of the subject'),
        sort: sortBy(['name', 'changedAt'], 'name'),
      }),
      response: { 200: pageOf(item), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const { scope: whose, format, search, sort, limit } = query
      const order = orderOf(sort)
      const after = readCursor(query, [order.by === 'name' ? 'text' : 'instant', 'text'])
      const filter = { userId: actingUser, scope: whose, format, search }
      const templates = await queries.list(filter, { ...order, after, limit: limit + 1 })
      const key = order.by === 'name' ? 'sortName' : 'changedAt'
      return pageFrom(templates, query, (template) => [template[key], template.id])
    },
  })
  app.post('/v1/templates', {
    config: { permission: 'templates:write' },
    schema: {
      tags,
      summary: 'Create a template',
      description:
        'The body is HTML or MJML. Subject and body may contain variables such as `{contact.first_name|there}`.',
      body: templateContent.extend({ scope }),
      response: { 201: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { scope: kind, ...content } = request.body
      const owner = kind === 'shared' ? { kind } : { kind, userId: requiredUser(request, instead) }
      const handled = await commands.create(request.caller, { scope: owner, content })
      void reply.status(201).header('location', `/v1/templates/${handled.templateId}`)
      return answered(reply, handled, { id: handled.templateId, version: handled.version })
    },
  })
  app.get('/v1/templates/:id', {
    config: { permission: 'templates:read', reads: [queries.readModels.templateList], ifNoneMatch: true },
    schema: { tags, summary: 'Get a template', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const found = await queries.find(params.id, actingUser)
      if (!found) throw new NotFound('template', params.id)
      return answered(reply, { revision: found.revision, position: null }, found)
    },
  })
  app.patch('/v1/templates/:id', {
    config: { permission: 'templates:write', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change a template, which makes its next version; requires If-Match',
      params: byId,
      body: templateContent.partial(),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const ifRevision = requiredRevision(request)
      const input = { templateId: id, content: request.body, ifRevision }
      const handled = await commands.change(request.caller, input)
      return answered(reply, handled, { id, version: handled.version })
    },
  })
  app.delete('/v1/templates/:id', {
    config: { permission: 'templates:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Delete a template',
      description: 'Its versions can still be read, because emails refer to them.',
      params: byId,
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.delete(request.caller, request.params.id, askedRevision(request))
      return answered(reply.status(204), handled, null)
    },
  })
  app.get('/v1/templates/:id/versions/:version', {
    config: { permission: 'templates:read', reads: [queries.readModels.templateList] },
    schema: {
      tags,
      summary: 'Get a version of a template',
      params: byId.extend({
        version: z.coerce.number().int().min(1).max(1_000_000).describe('Version number, starting at 1'),
      }),
      response: { 200: versionView, ...problems },
    },
    handler: async ({ params: { id, version }, actingUser }) => {
      const found = await queries.findVersion(id, version, actingUser)
      if (!found) throw new NotFound('version of this template', String(version))
      return found
    },
  })
  app.post('/v1/templates/:id/preview', {
    config: { permission: 'templates:read' },
    schema: {
      tags,
      summary: 'Preview a template as its recipient would see it',
      description: 'Variables without a value are left as they are, and listed.',
      params: byId,
      body: previewFor,
      response: { 200: preview, ...problems },
    },
    handler: async ({ params, body, actingUser }) => {
      const shown = await commands.preview(params.id, { ...body, userId: actingUser ?? body.userId })
      return {
        ...shown,
        missing: [...shown.missing],
        problems: [...shown.problems],
        warnings: [...shown.warnings],
      }
    },
  })
  app.get('/v1/template-variables', {
    config: { permission: 'templates:read' },
    schema: {
      tags,
      summary: 'List the variables for subjects, bodies and signatures',
      response: { 200: z.object({ data: z.array(variableView) }), ...problems },
    },
    handler: async () => ({ data: allVariables }),
  })
}

/** A personal template belongs to a user. */
const instead = {
  detail: 'A personal template belongs to a user, but the request is not made on behalf of one.',
  remedy: 'Name the user in Mailtrail-User, or share the template.',
}
