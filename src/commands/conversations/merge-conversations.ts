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
 * Makes the conversations of threads that have become part of another one parts of its conversation, which stands for
 * itself then, whatever it was part of before. What of that was done before is not done again.
 */
export const mergeConversations =
  ({ load, countedMessage }: MergeDeps, tell: Tell) =>
  async ({ id, accountId, merged }: FollowedThread): Promise<void> => {
    const home = { conversationId: id, accountId }
    const stateOf = async (each: string) => (await load(conversation, conversationStream(each))).state
    const known = await stateOf(id)
    if (known.status !== 'none' && known.mergedInto !== null) await tell(home, { do: 'separate' })
    let isThere = known.status !== 'none'
    for (const other of merged) {
      const before = await stateOf(other)
      // One that is part of another already goes where that goes.
      if (before.status === 'none' || (before.mergedInto !== null && before.mergedInto !== id)) continue
      if (!isThere) {
        const first = before.mail.find(({ kind }) => kind === 'message')
        const message = first ? await countedMessage(first.id) : null
        if (!message) continue
        await tell(home, { do: 'receive', message })
        isThere = true
      }
      const { state, revision } = await tell({ ...home, conversationId: other }, { do: 'merge', into: id })
      if (state.status !== 'none') await tell(home, { do: 'take-in', other: state, revision })
    }
  }
