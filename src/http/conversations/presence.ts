import { z } from 'zod'
import type { ConversationCommands } from '../../commands/conversations/conversations.ts'
import { conversationId } from '../../domain/conversations/events.ts'
import { problems, type App } from '../server/server.ts'
import { requiredUser } from '../server/user-required.ts'

const doing = z.enum(['viewing', 'writing']).describe('What the user does there')
const present = z
  .object({ data: z.array(z.object({ userId: z.string(), doing })).describe('Who is there now') })
  .meta({ id: 'ConversationPresence' })

/** Who is in a conversation, so that people see each other before they write. */
export const presenceRoutes = (app: App, { commands }: { readonly commands: ConversationCommands }): void => {
  const tags = ['Conversations']
  const params = z.object({ id: conversationId })

  app.put('/v1/conversations/:id/presence', {
    config: { permission: 'conversations:read' },
    schema: {
      tags,
      summary: 'Report that the acting user is viewing a conversation or writing in it',
      description:
        'It is known for 30 seconds, so say it again at least every 20. The feed tells it at once, as an event `presence` without an id, to those who may read the conversation.',
      params,
      body: z.object({ doing }),
      response: { 200: present, ...problems },
    },
    handler: async (request) => {
      const { id } = request.params
      const userId = requiredUser(request)
      return { data: await commands.bePresent(id, userId, request.body.doing) }
    },
  })
  app.get('/v1/conversations/:id/presence', {
    config: { permission: 'conversations:read' },
    schema: {
      tags,
      summary: 'List who is viewing a conversation or writing in it',
      params,
      response: { 200: present, ...problems },
    },
    handler: async ({ params: { id }, actingUser }) => ({ data: await commands.whoIsIn(id, actingUser) }),
  })
}
