import { assignmentCommands } from '../commands/assignment/assignment.ts'
import { requireLevel } from '../domain/accounts/access-rights.ts'
import { assignmentQueries } from '../projections/assignment/assignment.ts'
import type { Conversations } from './conversation-feature.ts'
import type { Accounts, Core, Directory } from './features.ts'

/** How long the automation waits for what it has just decided. */
const CATCH_UP_MS = 30_000

export const assignmentFeature = (
  core: Core,
  of: {
    readonly directory: Directory
    readonly accounts: Accounts
    readonly conversations: Conversations
  },
) => {
  const { db, store, runner } = core
  const queries = assignmentQueries(db)
  const { name } = queries.readModels.assignmentFacts
  const commands = assignmentCommands({
    ...core,
    ...queries,
    findAccount: of.accounts.find,
    isUser: async (userId) => (await of.directory.lookup.user(userId)) !== null,
    caughtUp: async () => {
      const head = await store.head()
      return head === null || runner.waitFor(name, head, CATCH_UP_MS)
    },
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
