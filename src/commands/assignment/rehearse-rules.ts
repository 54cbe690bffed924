import { rehearse, type PastUser } from '../../domain/assignment/dry-run.ts'
import type { AssignmentRules, UserAvailabilityChanged } from '../../domain/assignment/events.ts'
import type { Left, Picked } from '../../domain/assignment/pick.ts'
import { availabilityStream } from '../../domain/assignment/user-availability.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { othersTurn } from '../../std/pause.ts'
import { requireAccess, requireUsers } from './change-rules.ts'
import type { AssignmentDeps } from './ports.ts'

const DAYS = 30
/** The newest; more would take too long to answer. */
const MOST = 5_000

/** `was`: to whom it was assigned first in truth. */
export type Rehearsed = {
  readonly conversationId: string
  readonly openedAt: string
  readonly would: string | null
  readonly was: string | null
  readonly rule: Picked['rule'] | Left['reason']
  readonly detail: string
}

export type DryRun = {
  readonly from: string
  readonly conversations: number
  /** False if there were more, of which the oldest were left out. */
  readonly isComplete: boolean
  readonly users: { readonly userId: string | null; readonly would: number; readonly was: number }[]
  readonly differences: Rehearsed[]
}

/** Whom these rules would have chosen in the last thirty days. It changes nothing. */
export const rehearseRules =
  (
    deps: Pick<
      AssignmentDeps,
      'clock' | 'store' | 'findAccount' | 'isUser' | 'pastConversations' | 'caughtUp'
    >,
  ) =>
  async (accountId: string, rules: AssignmentRules, userId: string | null): Promise<DryRun> => {
    await requireAccess(deps, accountId, userId, 'full')
    await requireUsers(deps, rules)
    // What was assigned just now counts too; where the read model is far behind, it is as of then.
    await deps.caughtUp()
    const now = deps.clock()
    const from = new Date(now.getTime() - DAYS * 86_400_000).toISOString()
    const past = await deps.pastConversations(accountId, rules, from, MOST + 1)
    const conversations = past.conversations.slice(-MOST)
    const users = await inParallel(past.users, 8, async (user) => ({
      ...user,
      said: await saidBy(deps, user),
    }))
    const steps = rehearse(rules, conversations, users, now.toISOString())
    let step = steps.next()
    for (; !step.done; step = steps.next()) await othersTurn()
    const rehearsed = step.value.map(
      ({ conversation: { conversationId, openedAt, first }, found }): Rehearsed => ({
        conversationId,
        openedAt,
        would: found.userId,
        was: first,
        rule: found.userId === null ? found.reason : found.rule,
        detail: found.detail,
      }),
    )
    return {
      from,
      conversations: rehearsed.length,
      isComplete: past.conversations.length <= MOST,
      users: countsOf(rehearsed),
      differences: rehearsed.filter(({ would, was }) => would !== was),
    }
  }

const saidBy = async (
  { store }: Pick<AssignmentDeps, 'store'>,
  { userId }: { readonly userId: string },
): Promise<PastUser['said']> => {
  const events = (await store.readStream(availabilityStream(userId))) as RecordedEvent<
    EventOf<typeof UserAvailabilityChanged>
  >[]
  return events.map(({ data: { away, workingHours }, metadata }) => ({
    at: metadata.occurredAt,
    availability: { away, workingHours },
  }))
}

const countsOf = (rehearsed: readonly Rehearsed[]): DryRun['users'] => {
  const would = Map.groupBy(rehearsed, (each) => each.would)
  const was = Map.groupBy(rehearsed, (each) => each.was)
  return [...new Set([...would.keys(), ...was.keys()])]
    .toSorted((a, b) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1))
    .map((userId) => ({
      userId,
      would: would.get(userId)?.length ?? 0,
      was: was.get(userId)?.length ?? 0,
    }))
}
