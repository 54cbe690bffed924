import { backfill, backfillStream, type Backfill } from '../../domain/sync/backfill.ts'
import type { BackfillCursors, SyncCursor, WithheldMessage } from '../../domain/sync/events.ts'
import { internalError, Refused } from '../../domain/refusal.ts'
import {
  syncRun,
  syncRunStream,
  type RunTrouble,
  type SyncOutcome,
  type SyncRunCommand,
  type SyncTrigger,
} from '../../domain/sync/sync-run.ts'
import { newCommandId, type Caller } from '../handle.ts'
import { isOutage } from '../outage.ts'
import type { BlobStore } from '../ports/blobs.ts'
import { MailUnavailable, type MailboxSession } from '../ports/mail-provider.ts'
import type { MessageText } from '../ports/message-texts.ts'
import { batchedPut } from './batched-put.ts'
import { fetchLeftOut } from './fetch-left-out.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'
import { cursorsOf, readBackfill } from './read-backfill.ts'
import { placeKey, troubleOf, type Run, type Track } from './run.ts'
import { finishOf, newReading, readMailbox, type Reading } from './read-mailbox.ts'
import { watchAccount } from './watch-account.ts'

/**
 * `done`: the run has ended and recorded how. `stopped`: the account was paused or is to be read differently.
 * `interrupted`: the process stops, or lost its lease; the next run continues from what this one recorded. `busy`:
 * another worker has this account. `inactive`: the account is not to be synced.
 */
export type SyncRunResult =
  | {
      readonly kind: 'done'
      readonly number: number
      readonly outcome: Exclude<SyncOutcome, 'abandoned'>
    }
  | { readonly kind: 'interrupted'; readonly number: number }
  | { readonly kind: 'busy' | 'inactive' }

/** For this many dead runs in a row, what they stored can still be told apart. */
const MOST_UNCOUNTED = 100

/**
 * One sync run of one account under its lease: stores everything new, then records the counts of every folder and the
 * cursor, and ends as success, partial (something failed, and is named) or failed (with a remedy). Nothing in the
 * mailbox is changed. A run whose worker died is ended first, and this one continues where it got to. If the account is
 * paused, disconnected, or to be read differently, the run stops within seconds.
 * A fault in Mailtrail ends the run too, and is thrown as well.
 */
export const runSync =
  (deps: SyncDeps) =>
  async (
    caller: Caller,
    { accountId, trigger }: { accountId: string; trigger: SyncTrigger },
    signal: AbortSignal,
  ): Promise<SyncRunResult> => {
    const account = await deps.findAccount(accountId)
    if (!account?.active) return { kind: 'inactive' }
    const lease = await deps.leases.acquire(`sync-${accountId}`, signal)
    if (!lease) return { kind: 'busy' }
    try {
      return await runUnderLease(deps, caller, account, trigger, AbortSignal.any([signal, lease.signal]))
    } finally {
      await lease.release()
    }
  }

const runUnderLease = async (
  deps: SyncDeps,
  caller: Caller,
  account: SyncAccount,
  trigger: SyncTrigger,
  lost: AbortSignal,
): Promise<SyncRunResult> => {
  const { accountId } = account
  const teller = (number: number) => (command: SyncRunCommand) =>
    deps.handle(syncRun, syncRunStream(accountId, number), command, {
      ...caller,
      commandId: newCommandId(deps.clock()),
      causationId: caller.commandId,
    })
  const last = await lastRun(deps, accountId)
  if (last.running) await teller(last.number)({ do: 'abandon' })
  const number = last.number + 1
  const tell = teller(number)
  const { uncounted } = last
  const older = (await deps.load(backfill, backfillStream(accountId))).state
  const from = cursorsOf(older, last.cursors, last.backfill)
  const dismissed = new Set(account.dismissed.map(placeKey))
  const withheld = last.withheld.filter(({ placement }) => !dismissed.has(placeKey(placement)))
  await tell({ do: 'start', accountId, number, trigger, ...from, withheld, uncounted })
  const watch = watchAccount(deps, account, lost)
  const run: Run = {
    caller,
    account,
    trigger,
    mailbox: trackOf(from.cursors, windowOf(deps, account, older), null),
    backfill:
      from.backfill && trackOf(from.backfill.cursors, new Date(from.backfill.since), from.backfill.since),
    withheld: new Map(withheld.map((each) => [placeKey(each.placement), each])),
    uncounted,
    tell: async (command) => void (await tell(command)),
    progressed: watch.progressed,
    signal: watch.signal,
    lost,
  }
  const reading = newReading()
  const { missingFolders } = reading
  try {
    const trouble = await unlessIgnored(readAll(deps, run, reading), run.signal, deps.onFault)
    // If the run was stopped, that is the only reason it failed.
    run.signal.throwIfAborted()
    const { state } = await tell(trouble ? { do: 'fail', trouble, missingFolders } : finishOf(reading))
    if (state.status !== 'finished' || state.outcome === 'abandoned') return { kind: 'interrupted', number }
    return { kind: 'done', number, outcome: state.outcome }
  } catch (error) {
    if (lost.aborted || isTaken(error)) return { kind: 'interrupted', number }
    const why = watch.stopped()
    if (why) {
      await tell({ do: 'stop', why })
      return { kind: 'done', number, outcome: 'stopped' }
    }
    const since = watch.stalledSince()
    if (since !== null) {
      await tell({ do: 'stall', since })
      return { kind: 'done', number, outcome: 'failed' }
    }
    // Not a failure of the mailbox: the next run continues from here as soon as the log is back.
    if (isOutage(error)) throw error
    // Recorded so that the next run waits a while. If it cannot be recorded now, the next run finds out.
    await tell({ do: 'fail', trouble: ours, missingFolders }).catch(() => {})
    throw error
  } finally {
    await watch.end()
  }
}

const trackOf = (cursors: readonly SyncCursor[], since: Date | null, of: string | null): Track => ({
  since,
  cursors: new Map(cursors.map((cursor) => [cursor.scope, cursor])),
  backfill: of,
})

const DAY_MS = 86_400_000

/** How far back every run reads: as the settings say, or to where a backfill has reached. */
const windowOf = (
  { clock }: SyncDeps,
  { settings: { historyDays } }: SyncAccount,
  { reached }: Backfill,
): Date | null => {
  if (historyDays === null) return null
  const since = clock().getTime() - historyDays * DAY_MS
  return new Date(reached === null ? since : Math.min(since, Date.parse(reached)))
}

const ours: RunTrouble = {
  kind: 'temporary',
  code: internalError.code,
  detail: internalError.meaning,
  remedy: 'Do nothing: it is tried again automatically. If it keeps failing, tell the operator.',
  until: null,
}

/**
 * The latest run: the read model says where to start looking, the streams say which is the last. `uncounted` are the
 * dead runs, including itself, whose stored messages were not counted.
 */
const lastRun = async (
  deps: SyncDeps,
  accountId: string,
): Promise<{
  number: number
  running: boolean
  cursors: readonly SyncCursor[]
  backfill: BackfillCursors | null
  withheld: readonly WithheldMessage[]
  uncounted: readonly string[]
}> => {
  const find = async (number: number) => {
    const { state } = await deps.load(syncRun, syncRunStream(accountId, number))
    return state.status === 'none' ? null : state
  }
  let number = await deps.lastRun(accountId)
  let last = number > 0 ? await find(number) : null
  for (let next = await find(number + 1); next; next = await find(number + 1)) {
    last = next
    number++
  }
  const { cursors = [], backfill: of = null, withheld = [] } = last ?? {}
  const running = last?.status === 'running'
  const ended = last?.status === 'finished' && ['success', 'partial'].includes(last.outcome)
  const before = last && !ended ? last.uncounted : []
  const dead = running ? await commandOf(deps, accountId, number) : []
  return {
    number,
    running,
    cursors,
    backfill: of,
    withheld,
    uncounted: [...before, ...dead].slice(-MOST_UNCOUNTED),
  }
}

/** The command id of a run, which is in the metadata of everything it stored. */
const commandOf = async ({ store }: SyncDeps, accountId: string, number: number): Promise<string[]> => {
  const [started] = await store.readStream(syncRunStream(accountId, number), { limit: 1 })
  const id = started?.metadata.causationId
  return id ? [id] : []
}

const isTaken = (error: unknown): boolean => error instanceof Refused && error.code === 'sync-run-taken'

/** A mailbox has this long to heed the signal. */
const HEEDED_WITHIN_MS = 10_000

/** The reading; or an error if it does not end soon after the signal aborted, so that it holds no lease for ever. */
const unlessIgnored = async <Result>(
  reading: Promise<Result>,
  signal: AbortSignal,
  onFault: (error: unknown) => void,
): Promise<Result> => {
  const { promise: ignored, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const giveUp = (): void => {
    const error = new Error('A mailbox did not heed the end of its run')
    onFault(error)
    reject(error)
  }
  const wait = (): void => void (timer = setTimeout(giveUp, HEEDED_WITHIN_MS))
  if (signal.aborted) wait()
  else signal.addEventListener('abort', wait, { once: true })
  try {
    return await Promise.race([reading, ignored])
  } finally {
    signal.removeEventListener('abort', wait)
    clearTimeout(timer)
  }
}

/** @returns why the run fails; null where it does not */
const readAll = async (deps: SyncDeps, run: Run, reading: Reading): Promise<RunTrouble | null> => {
  if (run.account.settings.syncDirection === 'send') return null
  const batched = {
    ...deps,
    blobs: {
      ...deps.blobs,
      put: batchedPut((items: Parameters<BlobStore['put']>[0]) => deps.blobs.put(items)),
    },
    texts: { ...deps.texts, put: batchedPut((items: readonly MessageText[]) => deps.texts.put(items)) },
  }
  let session: MailboxSession | null = null
  try {
    session = await deps.openMailbox(run.account.accountId, run.signal)
    if (session === null) return null
    const open = { ...run, session }
    const trouble = await readMailbox(batched)(open, reading)
    if (trouble === null) {
      await fetchLeftOut(batched, open)
      await readBackfill(batched, open, reading)
      reading.storage = (await session.storage?.()) ?? null
    }
    return trouble
  } catch (error) {
    if (run.signal.aborted || !(error instanceof MailUnavailable)) throw error
    return troubleOf(error)
  } finally {
    await session?.close()
  }
}
