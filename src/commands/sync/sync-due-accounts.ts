import type { SyncTrigger } from '../../domain/sync/sync-run.ts'
import { systemCaller } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Hints } from './hints.ts'
import type { runSync } from './run-sync.ts'

type Due = { readonly accountId: string; readonly trigger: SyncTrigger; readonly lastRun: number }

/** How many accounts a process syncs at once. */
export const SYNC_LANES = 4
/**
 * An account that another process has, or that failed, is left alone for this long while the next one is tried. So is
 * an account after a hint: whatever it hints at in the meantime makes one run.
 */
const LEFT_ALONE_MS = 2000
const LOOK_AT = 100

/**
 * Syncs, under its lease, an account whose mailbox has hinted at something new, or else the one that has been due
 * longest; false if there is neither. Several lanes may call it at once, so that a long first sync holds up no other
 * account. The list lags behind the runs, so an account whose last run it does not show yet is left alone.
 */
export const syncDueAccounts = (deps: {
  readonly clock: Clock
  readonly dueAccounts: (limit: number) => Promise<readonly Due[]>
  readonly hints: Hints
  readonly run: ReturnType<typeof runSync>
}) => {
  const running = new Set<string>()
  const newest = new Map<string, number>()
  const leftUntil = new Map<string, number>()
  const isFree = (accountId: string): boolean =>
    !running.has(accountId) && performance.now() >= (leftUntil.get(accountId) ?? 0)
  const find = async (): Promise<Pick<Due, 'accountId' | 'trigger'> | undefined> => {
    const hinted = deps.hints.take(isFree)
    if (hinted !== null) return { accountId: hinted, trigger: 'hint' }
    const due = await deps.dueAccounts(LOOK_AT)
    // In the meantime another lane may have taken one.
    return due.find(({ accountId, lastRun }) => isFree(accountId) && lastRun >= (newest.get(accountId) ?? 0))
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const next = await find()
    if (!next) return false
    const { accountId, trigger } = next
    running.add(accountId)
    let done = false
    try {
      const caller = systemCaller('sync', deps.clock, accountId)
      const result = await deps.run(caller, { accountId, trigger }, signal)
      done = result.kind === 'done'
      if (result.kind === 'done') newest.set(accountId, result.number)
      if (result.kind === 'busy' && trigger === 'hint') deps.hints.add(accountId)
      return true
    } finally {
      running.delete(accountId)
      if (!done || trigger === 'hint') leftUntil.set(accountId, performance.now() + LEFT_ALONE_MS)
    }
  }
}
