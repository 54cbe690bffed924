import {
  conversation,
  conversationStream,
  type ConversationCommand,
} from '../../domain/conversations/conversation.ts'
import type { Conversation } from '../../domain/conversations/conversation-state.ts'
import { systemCaller, type Handle, type Handled } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** What is asked of a conversation: a command without the ids. */
export type Asked = ConversationCommand extends infer Each
  ? Each extends ConversationCommand
    ? Omit<Each, 'conversationId' | 'accountId'>
    : never
  : never

/** Tells a conversation what Mailtrail has found out by itself, as the automation of this name. */
export const tellConversation =
  ({ handle, clock }: { readonly handle: Handle; readonly clock: Clock }, automation: string) =>
  (
    of: { readonly conversationId: string; readonly accountId: string },
    asked: Asked,
  ): Promise<Handled<Conversation>> => {
    const caller = systemCaller(automation, clock, of.conversationId)
    const command = { ...asked, ...of } as ConversationCommand
    return handle(conversation, conversationStream(of.conversationId), command, caller, { insist: true })
  }

export type Tell = ReturnType<typeof tellConversation>
