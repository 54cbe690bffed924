import { handler, loader } from '../../src/commands/handle.ts'
import { tellConversation, type Asked } from '../../src/commands/conversations/tell-conversation.ts'
import { conversation, conversationStream } from '../../src/domain/conversations/conversation.ts'
import type { KnownConversation } from '../../src/domain/conversations/conversation-state.ts'
import { idOf } from './example-emails.ts'
import { accountId, messageIdOf } from './example-sync-events.ts'
import { memoryEventStore } from './memory-event-store.ts'

/** The nth message, which came in the nth minute. */
export const messageOf = (n: number) => ({
  messageId: messageIdOf(n),
  receivedAt: new Date(Date.UTC(2026, 2, 1, 9, n)).toISOString(),
  from: 'mia@client.test',
})
export const threadOf = (n: number): string => idOf('thr', n)
export const receive = (n: number) => ({ do: 'receive', message: messageOf(n) }) as const
export const queueReply = (n: number, to: number, userId = 'ann', seen: number | null = null) =>
  ({
    do: 'queue-reply',
    reply: { outgoingId: idOf('out', n), userId, to: messageIdOf(to), seen, maySee: true },
    anyway: false,
    queuedAt: new Date(Date.UTC(2026, 2, 1, 9, 30)).toISOString(),
    opens: null,
  }) as const

export type ConversationLog = ReturnType<typeof conversationLog>

/** Conversations in a log of their own; time stands still. */
export const conversationLog = () => {
  const store = memoryEventStore()
  const clock = () => new Date('2026-03-02T10:00:00.000Z')
  const deps = { handle: handler(store, clock), load: loader(store), clock }
  const tell = tellConversation(deps, 'test')
  const state = async (n: number): Promise<KnownConversation> => {
    const { state: found } = await deps.load(conversation, conversationStream(threadOf(n)))
    if (found.status === 'none') throw new Error('nothing began it')
    return found
  }
  return {
    store,
    ...deps,
    tell,
    /** Tells the nth conversation all of this. */
    told: async (n: number, ...asked: readonly Asked[]) => {
      for (const each of asked) await tell({ conversationId: threadOf(n), accountId }, each)
    },
    state,
    types: async (n: number) =>
      (await store.readStream(conversationStream(threadOf(n)))).map(({ type }) => type),
  }
}
