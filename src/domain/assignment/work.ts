import type { Assignment, ToAssign } from './assignment.ts'
import type { PastConversation, PastUser } from './dry-run.ts'
import type { AssignmentRules, PickEvent } from './events.ts'
import type { UserFacts } from './standing.ts'

/** A decision that the conversation itself does not say yet. */
export type PendingPick = {
  readonly userId: string
  readonly rule: Extract<PickEvent, { readonly type: 'ConversationPicked' }>['data']['rule']
  readonly detail: string
}

/**
 * What is to be assigned in an account, all as of one position: the oldest of its conversations of which something is to be
 * decided, and `state`, what its decisions up to this revision come to.
 */
export type WorkToAssign = {
  readonly rules: AssignmentRules
  readonly rulesRevision: number
  readonly state: Assignment
  readonly revision: number
  readonly pending: readonly (PendingPick & { readonly conversationId: string })[]
  readonly conversations: readonly ToAssign[]
  readonly users: readonly UserFacts[]
  readonly factsAt: string
}

/** Somebody whose conversations of an account are not all closed. */
export type Holder = {
  readonly accountId: string
  readonly rules: AssignmentRules
  readonly user: UserFacts
}

/** What a dry run works on. `first`: to whom each conversation was assigned first in truth. */
export type Past = {
  readonly conversations: readonly (PastConversation & { readonly first: string | null })[]
  readonly users: readonly Omit<PastUser, 'said'>[]
}

/** What is told of a decision about a conversation. */
export type Decision =
  | PickEvent
  | {
      readonly type: 'ConversationAssigned'
      readonly data: { readonly userId: string; readonly by: string; readonly detail: string }
    }
  | { readonly type: 'ConversationUnassigned'; readonly data: { readonly reason: string } }
