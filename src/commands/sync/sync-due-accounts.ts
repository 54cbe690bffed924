import type { SyncTrigger } from '../../domain/sync/sync-pass.ts'
import { newCommandId } from '../handle.ts'
import type { Clock } from '../ports.ts'
import type { runSyncPass } from './run-sync-pass.ts'

type Due = { readonly accountId: string; readonly trigger: SyncTrigger; readonly lastPass: number }

/** How many accounts a process syncs at once. */
export const SYNC_LANES = 4

/**
 * Runs a pass of the account that has been due the longest, under its lease; false where none is. Several lanes may
 * call it at once: a long first sync in one keeps no other account waiting. The list lags behind the passes, so an
 * account whose last pass it does not show yet is left alone.
 */
export const syncDueAccounts = (deps: {
  readonly clock: Clock
  readonly dueAccounts: (limit: number) => Promise<readonly Due[]>
  readonly run: ReturnType<typeof runSyncPass>
}) => {
  const running = new Set<string>()
  const newest = new Map<string, number>()
  return async (signal: AbortSignal): Promise<boolean> => {
    const due = await deps.dueAccounts(4 * SYNC_LANES)
    const next = due.find(
      ({ accountId, lastPass }) => !running.has(accountId) && lastPass >= (newest.get(accountId) ?? 0),
    )
    if (!next) return false
    const { accountId, trigger } = next
    running.add(accountId)
    try {
      const caller = {
        actor: { kind: 'system', id: 'sync' },
        commandId: newCommandId(deps.clock()),
        correlationId: accountId,
        causationId: null,
      } as const
      const result = await deps.run(caller, { accountId, trigger }, signal)
      if (result.kind === 'done') newest.set(accountId, result.number)
      return result.kind === 'done'
    } finally {
      running.delete(accountId)
    }
  }
}
