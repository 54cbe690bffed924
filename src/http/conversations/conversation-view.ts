import { z } from 'zod'
import { conversationId } from '../../domain/conversations/events.ts'

export const status = z
  .enum(['open', 'waiting', 'snoozed', 'closed'])
  .describe(
    '`open`: it is our turn. `waiting`: the other side’s. `snoozed`: open again at `snoozedUntil`, or when mail comes. `closed`: done, until mail comes',
  )

export const conversationView = z
  .object({
    id: conversationId,
    accountId: z.string(),
    status,
    snoozedUntil: z.string().nullable().describe('Until when it is snoozed; null if it is not'),
    assigneeId: z.string().nullable().describe('The user it is assigned to; null if it is unassigned'),
    tags: z.array(z.string()).describe('What people have marked it with'),
    version: z
      .int()
      .describe(
        'Counts what changes its mail: messages that come, replies that are queued or withdrawn, and answers. A reply names the one that its writer has seen',
      ),
    unread: z
      .boolean()
      .nullable()
      .describe('Whether the acting user has not seen the last message; null without an acting user'),
    lastMessage: z
      .object({ id: z.string(), from: z.string().nullable().describe('The address that it came from') })
      .describe('The last message that was received'),
    lastReceivedAt: z.string().describe('When the last message was received'),
    lastAnsweredAt: z.string().nullable().describe('When it was answered last'),
    waitingSince: z.string().describe('Since when it is our turn, or was the last time'),
    changedAt: z.string(),
  })
  .meta({ id: 'Conversation' })
