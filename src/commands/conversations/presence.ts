import type { ConversationPresence, Presence } from '../ports/conversation-presence.ts'
import { ownConversation, type ConversationDeps } from './change-conversation.ts'

export type PresenceDeps = Pick<ConversationDeps, 'load' | 'findAccount'> & {
  readonly presence: Pick<ConversationPresence, 'put' | 'list'>
}

type Present = Awaited<ReturnType<ConversationPresence['list']>>

/** For how long after somebody said that they are in a conversation they are taken to be there. */
const LASTS_MS = 30_000

/** The user is in a conversation. @returns who is there now @throws NotFound; Refused `access-level-too-low` */
export const bePresent =
  (deps: PresenceDeps) =>
  async (id: string, userId: string, doing: Presence['doing']): Promise<Present> => {
    const { state } = await ownConversation(deps)(id, userId, 'read')
    const { conversationId, accountId } = state
    await deps.presence.put({ conversationId, accountId, userId, doing }, LASTS_MS)
    return deps.presence.list(conversationId)
  }

/** @throws NotFound; Refused `access-level-too-low` */
export const whoIsIn =
  (deps: PresenceDeps) =>
  async (id: string, userId: string | null): Promise<Present> => {
    const { state } = await ownConversation(deps)(id, userId, 'read')
    return deps.presence.list(state.conversationId)
  }
