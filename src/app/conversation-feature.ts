import { conversationCommands } from '../commands/conversations/conversations.ts'
import type { Accounts, Core, Directory } from './features.ts'

export const conversationFeature = (core: Core, of: { directory: Directory; accounts: Accounts }) => ({
  commands: conversationCommands({
    ...core,
    findAccount: of.accounts.find,
    isUser: async (userId) => (await of.directory.lookup.user(userId)) !== null,
  }),
})
export type Conversations = ReturnType<typeof conversationFeature>
