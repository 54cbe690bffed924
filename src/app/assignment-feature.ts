import { assignmentCommands } from '../commands/assignment/assignment.ts'
import { requireLevel } from '../domain/accounts/access-rights.ts'
import { assignmentQueries } from '../projections/assignment/assignment.ts'
import type { Conversations } from './conversation-feature.ts'
import type { Accounts } from './account-feature.ts'
import type { Core, Directory } from './features.ts'

export const assignmentFeature = (
  core: Core,
  of: {
    readonly directory: Directory
    readonly accounts: Accounts
    readonly conversations: Conversations
  },
) => {
  const queries = assignmentQueries(core.db)
  const commands = assignmentCommands({
    ...core,
    ...queries,
    findAccount: of.accounts.find,
    isUser: async (userId) => (await of.directory.lookup.user(userId)) !== null,
    caughtUp: () => core.caughtUp(queries.readModels.assignmentFacts),
    assign: (caller, conversationId, { userId, rule, detail }) =>
      of.conversations.commands.assignByRules(caller, conversationId, userId, { rule, detail }),
    handTo: (caller, conversationId, to) =>
      of.conversations.commands.assign(caller, conversationId, {
        userId: to,
        by: 'handover',
        reason: { rule: 'handover', detail: 'Whoever had it handed it over' },
      }),
    release: of.conversations.commands.release,
  })
  return {
    commands,
    queries,
    requireReadable: async (conversationId: string, userId: string | null): Promise<void> => {
      const accountId = await queries.accountOfConversation(conversationId)
      const account = accountId === null ? null : await of.accounts.find(accountId)
      requireLevel(account, userId, 'read', ['conversation', conversationId])
    },
  }
}
