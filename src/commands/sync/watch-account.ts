import { defineCode, type CodeDefinition } from '../../domain/refusal.ts'
import { pause } from '../../std/pause.ts'
import { accountDisconnected, accountPaused } from '../../domain/accounts/refusals.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'

const LOOK_EVERY_MS = 1000

const accountChanged = defineCode('account-changed', {
  title: 'Account changed',
  meaning:
    'The account was changed so that it is read differently. The sync run was ended, and another one follows.',
  remedy: 'Do nothing: the next run starts right away.',
})

/** A run that makes no progress for so many intervals of its account has stalled. */
const STALLS_AFTER_INTERVALS = 2

/**
 * Watches a run and its account. `signal` aborts with `lost`, or when the run is to stop: `stopped` then says why, or
 * `stalledSince` since when it has made no progress. The caller must end it.
 */
export const watchAccount = (
  { clock, findAccount, onFault }: Pick<SyncDeps, 'clock' | 'findAccount' | 'onFault'>,
  account: SyncAccount,
  lost: AbortSignal,
) => {
  const stop = new AbortController()
  const ended = new AbortController()
  const over = AbortSignal.any([lost, ended.signal])
  let why: CodeDefinition | null = null
  let progressAt = clock()
  let isStalled = false
  const stallsAfterMs = STALLS_AFTER_INTERVALS * account.settings.syncFrequencyMinutes * 60_000
  const look = async (): Promise<void> => {
    while (!over.aborted && !stop.signal.aborted) {
      await pause(LOOK_EVERY_MS, over)
      if (over.aborted) return
      isStalled = clock().getTime() - progressAt.getTime() >= stallsAfterMs
      if (isStalled) return stop.abort()
      // If the account cannot be looked at, the run finds out by itself what is wrong.
      why = whyStop(account, await findAccount(account.accountId).catch(told(account, onFault)))
      if (why !== null) stop.abort()
    }
  }
  const looking = look()
  return {
    signal: AbortSignal.any([lost, stop.signal]),
    progressed: (): void => {
      if (!isStalled) progressAt = clock()
    },
    stopped: (): CodeDefinition | null => why,
    stalledSince: (): string | null => (isStalled ? progressAt.toISOString() : null),
    end: async (): Promise<void> => {
      ended.abort()
      await looking
    },
  }
}

const told =
  (account: SyncAccount, onFault: SyncDeps['onFault']) =>
  (error: unknown): SyncAccount => {
    onFault(error)
    return account
  }

const whyStop = (then: SyncAccount, now: SyncAccount | null): CodeDefinition | null => {
  if (!now) return accountDisconnected
  if (!now.active) return now.disconnected ? accountDisconnected : accountPaused
  return howRead(then) === howRead(now) ? null : accountChanged
}

/** What decides which mail is read, and how. */
const howRead = ({ credentialVersion, settings }: SyncAccount): string => {
  const { syncDirection, historyDays, folders, folderRoles, excludePatterns, keep } = settings
  return JSON.stringify([
    credentialVersion,
    syncDirection,
    historyDays,
    folders,
    folderRoles,
    excludePatterns,
    keep,
  ])
}
