import type { SyncTrigger } from '../../domain/sync/sync-run.ts'
import { systemCaller } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { runSync } from './run-sync.ts'

type Due = { readonly accountId: string; readonly trigger: SyncTrigger; readonly lastRun: number }

/** How many accounts a process syncs at once. */
export const SYNC_LANES = 4
/** An account that another process is at, or that failed, is left alone so long, and the next one tried. */
const LEFT_ALONE_MS = 2000
const LOOK_AT = 100

/**
 * Runs a run of the account that has been due the longest, under its lease; false where none is. Several lanes may
 * call it at once: a long first sync in one keeps no other account waiting. The list lags behind the runs, so an
 * account whose last run it does not show yet is left alone.
 */
export const syncDueAccounts = (deps: {
  readonly clock: Clock
  readonly dueAccounts: (limit: number) => Promise<readonly Due[]>
  readonly run: ReturnType<typeof runSync>
}) => {
  const running = new Set<string>()
  const newest = new Map<string, number>()
  const leftUntil = new Map<string, number>()
  const isFree = ({ accountId, lastRun }: Due): boolean =>
    !running.has(accountId) &&
    lastRun >= (newest.get(accountId) ?? 0) &&
    performance.now() >= (leftUntil.get(accountId) ?? 0)
  return async (signal: AbortSignal): Promise<boolean> => {
    const next = (await deps.dueAccounts(LOOK_AT)).find(isFree)
    if (!next) return false
    const { accountId, trigger } = next
    running.add(accountId)
    let done = false
    try {
      const caller = systemCaller('sync', deps.clock, accountId)
      const result = await deps.run(caller, { accountId, trigger }, signal)
      done = result.kind === 'done'
      if (result.kind === 'done') newest.set(accountId, result.number)
      return true
    } finally {
      running.delete(accountId)
      if (!done) leftUntil.set(accountId, performance.now() + LEFT_ALONE_MS)
    }
  }
}
