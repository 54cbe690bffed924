import {
  conversation,
  conversationStream,
  type ReceivedMessage,
} from '../../domain/conversations/conversation.ts'
import type { Load } from '../handle.ts'
import type { Tell } from './tell-conversation.ts'

/** A thread with those that have become part of it. */
export type FollowedThread = {
  readonly id: string
  readonly accountId: string
  readonly merged: readonly string[]
}

export type MergeDeps = {
  readonly load: Load
  /** A message that counts for conversations; null for any other. */
  readonly countedMessage: (messageId: string) => Promise<ReceivedMessage | null>
}

/**
 * Makes the conversations of threads that have become part of another one parts of its conversation. What of that was
 * done before is not done again.
 */
export const mergeConversations =
  ({ load, countedMessage }: MergeDeps, tell: Tell) =>
  async ({ id, accountId, merged }: FollowedThread): Promise<void> => {
    const home = { conversationId: id, accountId }
    for (const other of merged) {
      const { state } = await load(conversation, conversationStream(other))
      // One that is part of another already goes where that goes.
      if (state.status === 'none' || (state.mergedInto !== null && state.mergedInto !== id)) continue
      if ((await load(conversation, conversationStream(id))).state.status === 'none') {
        const first = state.mail.find(({ kind }) => kind === 'message')
        const message = first ? await countedMessage(first.id) : null
        if (!message) continue
        await tell(home, { do: 'receive', message })
      }
      const { revision } = await tell({ ...home, conversationId: other }, { do: 'merge', into: id })
      await tell(home, { do: 'take-in', other: state, revision })
    }
  }
