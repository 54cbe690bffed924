import { requireLevel, type AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AccessLevel } from '../../domain/accounts/events.ts'
import {
  conversation,
  conversationStream,
  type ConversationCommand,
} from '../../domain/conversations/conversation.ts'
import type { Conversation, KnownConversation } from '../../domain/conversations/conversation-state.ts'
import { NotFound } from '../../domain/decider.ts'
import { userOf, type Caller, type Handle, type Handled, type Known, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { Asked } from './tell-conversation.ts'

export type ConversationDeps = {
  readonly handle: Handle
  readonly load: Load
  /** The account as its stream has it; null if it was never connected. */
  readonly findAccount: (accountId: string) => Promise<AccessRights | null>
}

/** `conversationId`: that of the conversation that the one asked for is part of. */
export type Changed = Handled<Conversation> & { readonly conversationId: string }

/** The conversation with this id, or the one that it has become part of; null if there is none. */
export const standingConversation =
  ({ load }: Pick<ConversationDeps, 'load'>) =>
  async (id: string): Promise<Known<KnownConversation> | null> => {
    const passed = new Set<string>()
    for (let next = id; !passed.has(next);) {
      passed.add(next)
      const { state, ...known } = await load(conversation, conversationStream(next))
      if (state.status === 'none') return null
      if (state.mergedInto === null) return { state, ...known }
      next = state.mergedInto
    }
    return null
  }

/** The same, if the user has this level of access to its account. @throws NotFound; Refused `access-level-too-low` */
export const ownConversation =
  (deps: Pick<ConversationDeps, 'load' | 'findAccount'>) =>
  async (id: string, userId: string | null, needed: AccessLevel): Promise<Known<KnownConversation>> => {
    const found = await standingConversation(deps)(id)
    if (!found) throw new NotFound('conversation', id)
    requireLevel(await deps.findAccount(found.state.accountId), userId, needed, ['conversation', id])
    return found
  }

/** @throws NotFound, StaleRevision, Refused */
export const changeConversation =
  (deps: ConversationDeps) =>
  async (caller: Caller, id: string, asked: Asked, ifRevision?: IfRevision): Promise<Changed> => {
    // What one has read oneself is no change for others.
    const needed = asked.do === 'mark-read' || asked.do === 'mark-unread' ? 'read' : 'full'
    const { state } = await ownConversation(deps)(id, userOf(caller), needed)
    const { conversationId, accountId } = state
    const command = { ...asked, conversationId, accountId } as ConversationCommand
    const stream = conversationStream(conversationId)
    return {
      ...(await deps.handle(conversation, stream, command, caller, { ifRevision })),
      conversationId,
    }
  }
