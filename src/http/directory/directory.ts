import { z } from 'zod'
import type { putEntry } from '../../commands/directory/put-entry.ts'
import type { removeEntry } from '../../commands/directory/remove-entry.ts'
import type { Load } from '../../commands/handle.ts'
import { NotFound } from '../../domain/decider.ts'
import { entry, entryStream, type Entry } from '../../domain/directory/entry.ts'
import { company, contact, crmId, deal, organization, user } from '../../domain/directory/events.ts'
import { directory, type DirectoryEntry } from '../../projections/directory/directory.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'

const kinds = {
  users: { kind: 'user', value: user },
  contacts: { kind: 'contact', value: contact },
  companies: { kind: 'company', value: company },
  deals: { kind: 'deal', value: deal },
} as const

/** The CRM's own records, put by their ids: what templates and signatures take their variables from. */
export const directoryRoutes = (
  app: App,
  deps: {
    putEntry: ReturnType<typeof putEntry>
    removeEntry: ReturnType<typeof removeEntry>
    listEntries: (kind: string, after: string | null, limit: number) => Promise<DirectoryEntry[]>
    load: Load
  },
): void => {
  const tags = ['Directory']
  const byId = z.object({ id: crmId })

  for (const [path, { kind, value }] of Object.entries(kinds)) {
    const view = z.object({ id: z.string(), ...value.shape })
    app.put(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:write' },
      schema: {
        tags,
        summary: `Put a ${kind}`,
        params: byId,
        body: value,
        response: { 200: view, ...problems },
      },
      handler: async (request, reply) => {
        const put = { kind, id: request.params.id, value: request.body } as Entry
        return answered(reply, await deps.putEntry(request.caller, put), { id: put.id, ...request.body })
      },
    })
    app.get(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:read' },
      schema: { tags, summary: `Get a ${kind}`, params: byId, response: { 200: view, ...problems } },
      handler: async (request, reply) => {
        const found = await deps.load(entry, entryStream(kind, request.params.id))
        if (found.state.status === 'absent') throw new NotFound(kind, request.params.id)
        return answered(reply, found, { id: request.params.id, ...value.parse(found.state.value) })
      },
    })
    app.delete(`/v1/directory/${path}/:id`, {
      config: { permission: 'directory:write' },
      schema: { tags, summary: `Remove a ${kind}`, params: byId, response: { 204: z.null(), ...problems } },
      handler: async (request, reply) => {
        const handled = await deps.removeEntry(request.caller, kind, request.params.id)
        return answered(reply.status(204), handled, null)
      },
    })
    app.get(`/v1/directory/${path}`, {
      config: { permission: 'directory:read', reads: [directory] },
      schema: {
        tags,
        summary: `List ${path}`,
        querystring: pageQuery,
        response: { 200: pageOf(view), ...problems },
      },
      handler: async (request) => {
        const { limit, cursor } = request.query
        const [after] = readCursor(cursor, ['text']) ?? [null]
        const rows = await deps.listEntries(kind, after, limit + 1)
        return toPage(
          rows,
          limit,
          (row) => [row.id],
          (row) => ({ id: row.id, ...value.parse(row.value) }),
        )
      },
    })
  }

  app.put('/v1/directory/organization', {
    config: { permission: 'directory:write' },
    schema: {
      tags,
      summary: 'Put the organisation',
      body: organization,
      response: { 200: organization, ...problems },
    },
    handler: async (request, reply) => {
      const put: Entry = { kind: 'organization', id: 'main', value: request.body }
      return answered(reply, await deps.putEntry(request.caller, put), request.body)
    },
  })
  app.get('/v1/directory/organization', {
    config: { permission: 'directory:read' },
    schema: { tags, summary: 'Get the organisation', response: { 200: organization, ...problems } },
    handler: async (_request, reply) => {
      const found = await deps.load(entry, entryStream('organization', 'main'))
      if (found.state.status === 'absent') throw new NotFound('organization', 'main')
      return answered(reply, found, organization.parse(found.state.value))
    },
  })
}
