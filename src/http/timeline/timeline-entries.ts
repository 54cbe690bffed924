import { z } from 'zod'
import type { TimelineCommands } from '../../commands/timeline/timeline.ts'
import { NotFound } from '../../domain/decider.ts'
import { entryId, note } from '../../domain/timeline/events.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision, requiredRevision } from '../server/versions.ts'

const noteView = note.extend({ id: z.string() }).meta({ id: 'Note' })
const newNote = note.extend({ text: note.shape.text.default('') })

/** The CRM's own entries in timelines. */
export const timelineEntryRoutes = (
  app: App,
  { commands }: { readonly commands: TimelineCommands },
): void => {
  const tags = ['Timeline']
  const byId = z.object({ id: entryId })

  app.post('/v1/timeline-entries', {
    config: { permission: 'directory:write' },
    schema: {
      tags,
      summary: 'Put an entry of the CRM on timelines',
      description: 'Such as a call, a meeting or a note, on the timelines of up to 20 records.',
      body: newNote,
      response: { 201: noteView, ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.record(request.caller, request.body)
      const { entryId: id, state } = handled
      void reply.status(201).header('location', `/v1/timeline-entries/${id}`)
      return answered(reply, handled, viewOf(id, state))
    },
  })
  app.get('/v1/timeline-entries/:id', {
    config: { permission: 'directory:read', ifNoneMatch: true },
    schema: {
      tags,
      summary: 'Get an entry of the CRM',
      params: byId,
      response: { 200: noteView, ...problems },
    },
    handler: async ({ params }, reply) => {
      const found = await commands.find(params.id)
      if (!found) throw new NotFound('timeline entry', params.id)
      return answered(reply, found, { id: params.id, ...found.note })
    },
  })
  app.patch('/v1/timeline-entries/:id', {
    config: { permission: 'directory:write', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change an entry of the CRM; requires If-Match',
      params: byId,
      body: note.partial(),
      response: { 200: noteView, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.change(request.caller, id, request.body, requiredRevision(request))
      return answered(reply, handled, viewOf(id, handled.state))
    },
  })
  app.delete('/v1/timeline-entries/:id', {
    config: { permission: 'directory:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Remove an entry of the CRM from timelines',
      params: byId,
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.remove(request.caller, request.params.id, askedRevision(request))
      return answered(reply.status(204), handled, null)
    },
  })
}

const viewOf = (id: string, state: Awaited<ReturnType<TimelineCommands['record']>>['state']) => {
  if (state.status === 'absent') throw new NotFound('timeline entry', id)
  return { id, ...state.note }
}
