import { assignment, assignmentStream, type AssignmentCommand } from '../../domain/assignment/assignment.ts'
import type { PickEvent } from '../../domain/assignment/events.ts'
import type { PendingPick, WorkToAssign } from '../../domain/assignment/work.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { systemCaller } from '../handle.ts'
import { StaleRevision } from '../revisions.ts'
import { oneByOne } from '../to-do-work.ts'
import type { AssignmentDeps } from './ports.ts'

export type AssignDeps = Pick<
  AssignmentDeps,
  'handle' | 'clock' | 'accountsToAssign' | 'workToAssign' | 'caughtUp' | 'assign'
>

/** So many are decided in one append. */
const BATCH = 50
const AT_ONCE = 16

/**
 * Assigns what is open and nobody's, oldest first. Who gets it is decided on the stream of the account's decisions, at the
 * revision that everything it is based on was read at, and then said on the conversation. After a crash in between, the
 * decision stands and is said by the next run.
 */
export const assignConversations = (deps: AssignDeps): ((signal: AbortSignal) => Promise<boolean>) => {
  const workOn = oneByOne(
    (accountId: string) => accountId,
    (accountId, signal) => assignIn(deps, accountId, signal),
  )
  return async (signal) => {
    await workOn(await deps.accountsToAssign(), signal)
    return false
  }
}

const assignIn = async (deps: AssignDeps, accountId: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const at = deps.clock().toISOString()
    const work = await deps.workToAssign(accountId, at, BATCH)
    if (!work) return
    const decided = await decide(deps, accountId, work, at)
    if (decided === null) return
    await inParallel([...work.pending, ...picksOf(decided)], AT_ONCE, ({ conversationId, ...pick }) =>
      deps.assign(systemCaller('assignment', deps.clock, conversationId), conversationId, pick),
    )
    if (decided.length === 0) return
    // The next decisions are based on these.
    if (!(await deps.caughtUp())) return
  }
}

/** What is decided. Null if others have decided meanwhile: the read model will show it, and wake the automation. */
const decide = async (
  { handle, clock }: AssignDeps,
  accountId: string,
  { rules, rulesRevision, state, revision, conversations, users, factsAt }: WorkToAssign,
  at: string,
): Promise<PickEvent[] | null> => {
  const command: AssignmentCommand = {
    do: 'assign',
    accountId,
    rules,
    rulesRevision,
    conversations,
    users,
    at,
    factsAt,
  }
  const events = assignment.decide(command, state)
  if (events.length === 0) return []
  const caller = systemCaller('assignment', clock, accountId)
  const known = { state, revision, position: null }
  try {
    await handle(assignment, assignmentStream(accountId), command, caller, { known, ifRevision: revision })
  } catch (error) {
    if (error instanceof StaleRevision) return null
    throw error
  }
  return events
}

const picksOf = (decided: readonly PickEvent[]): (PendingPick & { conversationId: string })[] =>
  decided.flatMap(({ type, data }) => {
    if (type !== 'ConversationPicked') return []
    const { conversationId, userId, rule, detail } = data
    return [{ conversationId, userId, rule, detail }]
  })
