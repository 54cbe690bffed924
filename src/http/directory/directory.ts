import { z } from 'zod'
import type { DirectoryCommands } from '../../commands/directory/directory.ts'
import { NotFound } from '../../domain/decider.ts'
import { company, contact, crmId, deal, organization, user } from '../../domain/directory/events.ts'
import { address, domain } from '../../domain/mail.ts'
import type { DirectoryQueries } from '../../projections/directory/directory.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, searchIn, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision, revisionToPut } from '../server/versions.ts'

type Entry = Parameters<DirectoryCommands['put']>[1]

const named = z.string().trim().min(1).max(100)
const only = {
  company: crmId.optional().describe('Only those of this company'),
  contact: crmId.optional().describe('Only those with this contact, or with one that was merged into it'),
  owner: crmId.optional().describe('Only those of this user'),
  email: address.optional().describe('Only those with this address'),
  domain: domain.optional().describe('Only those with this domain'),
  territory: named.optional().describe('Only those of this territory; capital letters do not count'),
  product: named.optional().describe('Only those with this product; capital letters do not count'),
  stage: named.optional().describe('Only those at this stage; capital letters do not count'),
}

const kinds = {
  users: { kind: 'user', value: user, filters: z.object({}) },
  contacts: {
    kind: 'contact',
    value: contact,
    filters: z.object(only).pick({ company: true, owner: true, email: true, territory: true, product: true }),
  },
  companies: {
    kind: 'company',
    value: company,
    filters: z.object(only).pick({ domain: true, owner: true, territory: true }),
  },
  deals: {
    kind: 'deal',
    value: deal,
    filters: z.object(only).pick({ company: true, contact: true, owner: true, stage: true }),
  },
} as const
const listQuery = pageQuery.extend({
  search: searchIn('The beginning of the name'),
  sort: sortBy(['id', 'name'], 'id'),
})
type ListQuery = z.infer<typeof listQuery> & { readonly [Name in keyof typeof only]?: string | undefined }

/** The CRM's own records, put by their ids: the source of variables in templates and signatures. */
export const directoryRoutes = (
  app: App,
  {
    commands,
    queries,
    requireSender,
  }: {
    readonly commands: DirectoryCommands
    readonly queries: DirectoryQueries
    /** @throws NotFound; Refused `account-sends-no-mail` */
    readonly requireSender: (accountId: string) => Promise<void>
  },
): void => {
  const tags = ['Directory']
  const byId = z.object({ id: crmId })

  for (const [path, { kind, value, filters }] of Object.entries(kinds)) {
    const view = z.object({ id: z.string(), ...value.shape })
    app.put(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:write', ifMatch: 'optional', ifNoneMatch: true },
      schema: {
        tags,
        summary: `Create or replace a ${kind}`,
        params: byId,
        body: value,
        response: { 200: view, ...problems },
      },
      handler: async (request, reply) => {
        const put = { kind, id: request.params.id, value: request.body } as Entry
        return answered(reply, await commands.put(request.caller, put, revisionToPut(request)), {
          id: put.id,
          ...request.body,
        })
      },
    })
    app.get(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:read', ifNoneMatch: true },
      schema: { tags, summary: `Get a ${kind}`, params: byId, response: { 200: view, ...problems } },
      handler: async (request, reply) => {
        const found = await commands.find(kind, request.params.id)
        if (!found) throw new NotFound(kind, request.params.id)
        return answered(reply, found, { id: found.id, ...value.parse(found.value) })
      },
    })
    app.delete(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:write', ifMatch: 'optional' },
      schema: { tags, summary: `Delete a ${kind}`, params: byId, response: { 204: z.null(), ...problems } },
      handler: async (request, reply) => {
        const handled = await commands.remove(request.caller, kind, request.params.id, askedRevision(request))
        return answered(reply.status(204), handled, null)
      },
    })
    app.get(`/v1/directory/${path}`, {
      config: { permission: 'directory:read', reads: [queries.readModels.directory] },
      schema: {
        tags,
        summary: `List ${path}`,
        querystring: listQuery.extend(filters.shape),
        response: { 200: pageOf(view), ...problems },
      },
      handler: async (request) => {
        const query: ListQuery = request.query
        const { limit, sort, ...asked } = query
        const order = orderOf(sort)
        const after = readCursor(query, ['text', 'text'])
        const entries = await queries.list({ kind, ...asked }, { ...order, after, limit: limit + 1 })
        const key = order.by === 'id' ? 'id' : 'sortName'
        const page = pageFrom(entries, query, (entry) => [entry[key], entry.id])
        return { ...page, data: page.data.map((entry) => ({ id: entry.id, ...value.parse(entry.value) })) }
      },
    })
  }

  app.post('/v1/directory/contacts/:id/merge', {
    config: { permission: 'directory:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Merge a contact into another',
      description:
        'The other contact takes the addresses that it lacks. This contact is then gone, and its id leads to the other. The answer and its version are those of the other contact; `If-Match` is about this one.',
      params: byId,
      body: z.object({ into: crmId.describe('The contact that remains') }),
      response: { 200: z.object({ id: z.string(), ...contact.shape }), ...problems },
    },
    handler: async (request, reply) => {
      const ifRevision = askedRevision(request)
      const contactId = request.params.id
      const merged = await commands.merge(request.caller, { contactId, into: request.body.into, ifRevision })
      return answered(reply, merged, { id: merged.id, ...merged.value })
    },
  })

  app.put('/v1/directory/organization', {
    config: { permission: 'directory:write', ifMatch: 'optional', ifNoneMatch: true },
    schema: {
      tags,
      summary: 'Replace the organisation',
      body: organization,
      response: { 200: organization, ...problems },
    },
    handler: async (request, reply) => {
      const { notificationsFrom } = request.body
      if (notificationsFrom !== undefined) await requireSender(notificationsFrom)
      const put: Entry = { kind: 'organization', id: 'main', value: request.body }
      return answered(reply, await commands.put(request.caller, put, revisionToPut(request)), request.body)
    },
  })
  app.get('/v1/directory/organization', {
    config: { permission: 'directory:read', ifNoneMatch: true },
    schema: { tags, summary: 'Get the organisation', response: { 200: organization, ...problems } },
    handler: async (_request, reply) => {
      const found = await commands.find('organization', 'main')
      if (!found) throw new NotFound('organization', 'main')
      return answered(reply, found, found.value)
    },
  })
}
