import { z } from 'zod'
import type { ConversationCommands } from '../../commands/conversations/conversations.ts'
import { conversationId, noteId, noteText } from '../../domain/conversations/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import type { ConversationQueries } from '../../projections/conversations/conversations.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'

const mentions = z.array(crmId).max(50).describe('Users of the CRM who are to see it')
const noteView = z
  .object({
    id: noteId,
    userId: z.string().nullable().describe('The user who wrote it; null for a program'),
    text: noteText,
    mentions,
    writtenAt: z.string().describe('When it was written'),
  })
  .meta({ id: 'ConversationNote' })

export type NoteRouteDeps = {
  readonly commands: ConversationCommands
  readonly queries: ConversationQueries
  readonly mayRead: (accountId: string, userId: string | null) => Promise<boolean>
}

/** Internal notes in conversations, which nobody outside sees. */
export const conversationNoteRoutes = (app: App, { commands, queries, mayRead }: NoteRouteDeps): void => {
  const tags = ['Conversations']
  const params = z.object({ id: conversationId })

  app.get('/v1/conversations/:id/notes', {
    config: { permission: 'conversations:read', reads: [queries.readModels.conversationList] },
    schema: {
      tags,
      summary: 'List the internal notes of a conversation',
      params,
      querystring: pageQuery.extend({ sort: sortBy(['writtenAt'], '-writtenAt') }),
      response: { 200: pageOf(noteView), ...problems },
    },
    handler: async ({ params: { id }, query, actingUser }) => {
      const found = await queries.find(id, actingUser)
      if (!found || !(await mayRead(found.accountId, actingUser))) throw new NotFound('conversation', id)
      const { descending } = orderOf(query.sort)
      const after = readCursor(query, ['instant', 'text'])
      const notes = await queries.listNotes(found.id, { descending, after, limit: query.limit + 1 })
      return pageFrom(notes, query, (note) => [note.writtenAt, note.id])
    },
  })
  app.post('/v1/conversations/:id/notes', {
    config: { permission: 'conversations:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Add an internal note to a conversation',
      params,
      body: z.object({ text: noteText, mentions: mentions.default([]) }),
      response: { 201: z.object({ id: noteId }), ...problems },
    },
    handler: async (request, reply) => {
      const { caller, params: of, body } = request
      const handled = await commands.addNote(caller, of.id, body, askedRevision(request))
      return answered(reply.status(201), handled, { id: handled.noteId })
    },
  })
  app.delete('/v1/conversations/:id/notes/:noteId', {
    config: { permission: 'conversations:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Remove an internal note from a conversation',
      description: 'Only its writer can, or a program that acts for nobody.',
      params: params.extend({ noteId }),
      response: { 204: z.null(), ...problems },
    },
    handler: async (request, reply) => {
      const { id, noteId: removed } = request.params
      const handled = await commands.removeNote(request.caller, id, removed, askedRevision(request))
      return answered(reply.status(204), handled, null)
    },
  })
}
