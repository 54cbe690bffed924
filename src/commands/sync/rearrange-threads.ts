import { requireLevel } from '../../domain/accounts/access-rights.ts'
import type { AccessLevel } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import {
  accountThreads,
  accountThreadsStream,
  type AccountThreads,
  type ThreadCommand,
} from '../../domain/sync/account-threads.ts'
import { entityIdOfSource, userOf, type Caller, type Handled } from '../handle.ts'
import type { SyncDeps } from './ports.ts'

/** A thread as the read model has it, with all messages in it; it may lag behind the log. */
type FindThreadMessages = (
  threadId: string,
) => Promise<{ readonly id: string; readonly accountId: string; readonly messages: readonly string[] } | null>

export type ThreadDeps = Pick<SyncDeps, 'handle' | 'load' | 'findAccount'> & {
  readonly findThread: FindThreadMessages
}

/** Threads as people want them: merged, split, and as they were before. */
export const threadCommands = (deps: ThreadDeps) => {
  const find = async (caller: Caller, id: string) => {
    const thread = await deps.findThread(id)
    if (!thread) throw new NotFound('thread', id)
    requireLevel(await deps.findAccount(thread.accountId), userOf(caller), 'full', ['thread', id])
    return thread
  }
  const requireAccount = async (caller: Caller, accountId: string, level: AccessLevel): Promise<void> => {
    const account = await deps.findAccount(accountId)
    requireLevel(account, userOf(caller), level, ['email account', accountId])
  }
  const tell = (caller: Caller, command: ThreadCommand): Promise<Handled<AccountThreads>> =>
    deps.handle(accountThreads, accountThreadsStream(command.accountId), command, caller)
  return {
    mergeThreads: async (caller: Caller, id: string, otherId: string) => {
      const { id: threadId, accountId } = await find(caller, id)
      const other = await find(caller, otherId)
      if (other.accountId !== accountId) throw otherAccount()
      return tell(caller, { do: 'merge', accountId, threadId, other: other.id })
    },
    splitThread: async (caller: Caller, id: string, messageIds: readonly string[]) => {
      const { id: threadId, accountId, messages } = await find(caller, id)
      const into = entityIdOfSource('thr', `split\n${caller.commandId}`)
      return tell(caller, { do: 'split', accountId, threadId, into, messageIds, messages })
    },
    /** All changes of an account, oldest first. */
    threadChanges: async (caller: Caller, accountId: string) => {
      await requireAccount(caller, accountId, 'read')
      return (await deps.load(accountThreads, accountThreadsStream(accountId))).state.changes
    },
    undoThreadChange: async (caller: Caller, accountId: string, change: number) => {
      await requireAccount(caller, accountId, 'full')
      return tell(caller, { do: 'undo', accountId, change })
    },
  }
}

const otherAccount = defineRefusal('thread-of-other-account', {
  title: 'Threads of different accounts',
  meaning: 'A thread belongs to one account, so threads of different accounts cannot be merged.',
  remedy: 'Merge threads of one account.',
})
