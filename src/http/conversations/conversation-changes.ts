import { z } from 'zod'
import type { ConversationCommands } from '../../commands/conversations/conversations.ts'
import { conversationId, tag } from '../../domain/conversations/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'
import { conversationView } from './conversation-view.ts'
import { requiredUser } from '../server/user-required.ts'

type Changed = Awaited<ReturnType<ConversationCommands['changeStatus']>>

const changed = conversationView.pick({
  id: true,
  status: true,
  snoozedUntil: true,
  assigneeId: true,
  tags: true,
  version: true,
})

const viewOf = ({ conversationId: id, state }: Changed): z.infer<typeof changed> => {
  if (state.status === 'none') throw new NotFound('conversation', id)
  const { status, snoozedUntil, assigneeId, tags, version } = state
  return { id, status, snoozedUntil, assigneeId, tags: [...tags], version }
}

/** What people do with conversations. Nothing of it is written into the mailbox. */
export const conversationChangeRoutes = (
  app: App,
  { commands }: { readonly commands: ConversationCommands },
): void => {
  const tags = ['Conversations']
  const params = z.object({ id: conversationId })
  const config = { permission: 'conversations:write', ifMatch: 'optional' } as const
  const response = { 200: changed, ...problems }

  app.put('/v1/conversations/:id/status', {
    config,
    schema: {
      tags,
      summary: 'Open or close a conversation, or have it wait',
      params,
      body: z.object({ status: z.enum(['open', 'waiting', 'closed']) }),
      response,
    },
    handler: async (request, reply) => {
      const { status } = request.body
      const handled = await commands.changeStatus(
        request.caller,
        request.params.id,
        status,
        askedRevision(request),
      )
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.post('/v1/conversations/:id/snooze', {
    config,
    schema: {
      tags,
      summary: 'Snooze a conversation: it is open again then, or when mail comes',
      params,
      body: z.object({ until: askedInstant.describe('When it is open again') }),
      response,
    },
    handler: async (request, reply) => {
      const { until } = request.body
      const handled = await commands.snooze(request.caller, request.params.id, until, askedRevision(request))
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.put('/v1/conversations/:id/assignee', {
    config,
    schema: {
      tags,
      summary: 'Assign a conversation to a user, or to nobody',
      description:
        'Rules leave a conversation alone that a person assigned to nobody, until the rules are changed or it is opened again.',
      params,
      body: z.object({
        userId: crmId.nullable().describe('The user to assign it to; null to leave it unassigned'),
        reason: z.string().trim().max(500).default('').describe('Why, for people to read'),
      }),
      response,
    },
    handler: async (request, reply) => {
      const { userId, reason } = request.body
      const { caller, params: of } = request
      const version = askedRevision(request)
      const assignment = { by: 'person', reason: { rule: 'manual', detail: reason } } as const
      const handled =
        userId === null
          ? await commands.unassign(caller, of.id, reason, version)
          : await commands.assign(caller, of.id, { userId, ...assignment }, version)
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.post('/v1/conversations/:id/tags', {
    config,
    schema: {
      tags,
      summary: 'Tag a conversation',
      params,
      body: z.object({ tag: tag.describe('At most 50 of them; capital letters count') }),
      response,
    },
    handler: async (request, reply) => {
      const handled = await commands.tag(
        request.caller,
        request.params.id,
        request.body.tag,
        askedRevision(request),
      )
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.delete('/v1/conversations/:id/tags/:tag', {
    config,
    schema: { tags, summary: 'Remove a tag from a conversation', params: params.extend({ tag }), response },
    handler: async (request, reply) => {
      const { id, tag: removed } = request.params
      const handled = await commands.untag(request.caller, id, removed, askedRevision(request))
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.put('/v1/conversations/:id/read', {
    config: { permission: 'conversations:write' },
    schema: {
      tags,
      summary: 'Mark a conversation as read by the acting user',
      description: 'Up to its present version. Nothing changes in the mailbox.',
      params,
      response,
    },
    handler: async (request, reply) => {
      const handled = await commands.markRead(request.caller, request.params.id, requiredUser(request))
      return answered(reply, handled, viewOf(handled))
    },
  })
  app.delete('/v1/conversations/:id/read', {
    config: { permission: 'conversations:write' },
    schema: { tags, summary: 'Mark a conversation as unread by the acting user', params, response },
    handler: async (request, reply) => {
      const handled = await commands.markUnread(request.caller, request.params.id, requiredUser(request))
      return answered(reply, handled, viewOf(handled))
    },
  })
}
