import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AssignmentRules } from '../../domain/assignment/events.ts'
import type { PendingPick, Holder, Past, WorkToAssign } from '../../domain/assignment/work.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventStore } from '../ports/event-log.ts'

export type AssignmentDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly store: Pick<EventStore, 'readStream'>
  readonly clock: Clock
  /** Null if there is no such account. */
  readonly findAccount: (accountId: string) => Promise<AccessRights | null>
  readonly isUser: (userId: string) => Promise<boolean>
  /** Accounts in which something is to be assigned. */
  readonly accountsToAssign: () => Promise<string[]>
  /** The oldest conversations for which somebody may be available at that instant, or that were not decided yet. */
  readonly workToAssign: (accountId: string, at: string, limit: number) => Promise<WorkToAssign | null>
  /** Whether the read model of all this has caught up with the log; it waits for that, though not for ever. */
  readonly caughtUp: () => Promise<boolean>
  readonly holders: () => Promise<Holder[]>
  readonly heldBy: (accountId: string, userId: string, onlyOpen: boolean, limit: number) => Promise<string[]>
  /** Does nothing for a conversation that is somebody's, or part of another one. */
  readonly assign: (caller: Caller, conversationId: string, pick: PendingPick) => Promise<unknown>
  /** Makes it another user's who takes over. @throws Refused if that one may not answer it */
  readonly handTo: (caller: Caller, conversationId: string, to: string) => Promise<unknown>
  /** Does nothing for a conversation that is somebody else's. */
  readonly release: (caller: Caller, conversationId: string, from: string, reason: string) => Promise<unknown>
  /** The newest conversations that came since then, at most `limit`, oldest first. */
  readonly pastConversations: (
    accountId: string,
    rules: AssignmentRules,
    since: string,
    limit: number,
  ) => Promise<Past>
}
