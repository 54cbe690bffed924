import { standingAt } from '../../domain/assignment/standing.ts'
import type { Holder } from '../../domain/assignment/work.ts'
import { systemCaller } from '../handle.ts'
import { oneByOne } from '../to-do-work.ts'
import type { AssignmentDeps } from './ports.ts'

type ReleaseDeps = Pick<AssignmentDeps, 'clock' | 'holders' | 'heldBy' | 'release'>

const reasons = {
  left: 'The directory no longer has the user',
  'no-access': 'The user can no longer answer from the account',
  away: 'The user is away for longer than replies wait',
} as const

const BATCH = 200

/**
 * Takes conversations from users who are gone, so that they are assigned anew: from those who left or lost their access all
 * that are not closed, from those who are away for long only what is open, and only where rules assign it to others.
 */
export const releaseConversations = (deps: ReleaseDeps): ((signal: AbortSignal) => Promise<boolean>) => {
  const workOn = oneByOne(
    ({ accountId, user }: Holder) => `${accountId} ${user.userId}`,
    (holder, signal) => releaseFrom(deps, holder, signal),
  )
  return async (signal) => {
    await workOn(await deps.holders(), signal)
    return false
  }
}

const releaseFrom = async (
  { clock, heldBy, release }: ReleaseDeps,
  { accountId, user, rules }: Holder,
  signal: AbortSignal,
): Promise<void> => {
  const { gone } = standingAt(user, clock().toISOString(), rules.keepRepliesHours)
  if (gone === null || (gone === 'away' && rules.rules.length === 0)) return
  for (const conversationId of await heldBy(accountId, user.userId, gone === 'away', BATCH)) {
    if (signal.aborted) return
    const caller = systemCaller('assignment', clock, conversationId)
    await release(caller, conversationId, user.userId, reasons[gone])
  }
}
