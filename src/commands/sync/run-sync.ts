import type { SyncCursor, WithheldMessage } from '../../domain/sync/events.ts'
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
import { MailUnavailable, type MailboxSession } from '../ports/mail-provider.ts'
import { batchedPut } from './batched-blobs.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'
import { placeKey, troubleOf, type Run } from './run.ts'
import { finishOf, newReading, readMailbox, type Reading } from './read-mailbox.ts'
import { watchAccount } from './watch-account.ts'

/**
 * `done`: the run ended and says how; `stopped` since the account was paused, or is to be read in another way.
 * `interrupted`: the process stops, or lost its lease; the next run goes on from what this one recorded. `busy`: another worker is at this account. `inactive`: the account is not to be synced.
 */
export type SyncRunResult =
  | {
      readonly kind: 'done'
      readonly number: number
      readonly outcome: Exclude<SyncOutcome, 'abandoned'>
    }
  | { readonly kind: 'interrupted'; readonly number: number }
  | { readonly kind: 'busy' | 'inactive' }

/** Of so many dead runs in a row what they stored is still told apart. */
const MOST_UNCOUNTED = 100

/**
 * One sync run of one account under its lease: everything new is stored, every folder's counts and the cursor are recorded
 * behind it, and the run ends in success, partial (something failed, and is named) or failed (with a remedy). Nothing
 * in the mailbox is changed. A run whose worker died is ended first, and this one goes on where it came to. It is stopped
 * within seconds where the account is paused or disconnected, or is to be read in another way.
 * A fault of ours ends the run too, and is thrown besides.
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
  const { cursors, uncounted } = last
  const dismissed = new Set(account.dismissed.map(placeKey))
  const withheld = last.withheld.filter(({ placement }) => !dismissed.has(placeKey(placement)))
  await tell({ do: 'start', accountId, number, trigger, cursors, withheld, uncounted })
  const watch = watchAccount(deps, account, lost)
  const run: Run = {
    caller,
    account,
    trigger,
    cursors: new Map(cursors.map((cursor) => [cursor.scope, cursor])),
    withheld: new Map(withheld.map((each) => [placeKey(each.placement), each])),
    uncounted,
    tell: async (command) => void (await tell(command)),
    signal: watch.signal,
    lost,
  }
  const reading = newReading()
  const { missingFolders } = reading
  try {
    const trouble = await readAll(deps, run, reading)
    // What stood in the way of a run that was stopped is only that it was stopped.
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
    // The run says so, that the next one waits a while; what cannot be told now, that one finds out.
    await tell({ do: 'fail', trouble: ours, missingFolders }).catch(() => {})
    throw error
  } finally {
    await watch.end()
  }
}

const ours: RunTrouble = {
  kind: 'temporary',
  code: internalError.code,
  detail: internalError.meaning,
  remedy: 'Do nothing: it is tried again automatically. If it keeps failing, tell the operator.',
  until: null,
}

/**
 * The newest run: the read model says where to begin to look, the streams say which is the last. `uncounted` are the
 * dead runs, itself included, that left uncounted what they stored.
 */
const lastRun = async (
  deps: SyncDeps,
  accountId: string,
): Promise<{
  number: number
  running: boolean
  cursors: readonly SyncCursor[]
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
  const { cursors = [], withheld = [] } = last ?? {}
  const running = last?.status === 'running'
  const ended = last?.status === 'finished' && ['success', 'partial'].includes(last.outcome)
  const before = last && !ended ? last.uncounted : []
  const dead = running ? await commandOf(deps, accountId, number) : []
  return { number, running, cursors, withheld, uncounted: [...before, ...dead].slice(-MOST_UNCOUNTED) }
}

/** The command that a run was: what it stored has this id in its metadata. */
const commandOf = async ({ store }: SyncDeps, accountId: string, number: number): Promise<string[]> => {
  const [started] = await store.readStream(syncRunStream(accountId, number), { limit: 1 })
  const id = started?.metadata.causationId
  return id ? [id] : []
}

const isTaken = (error: unknown): boolean => error instanceof Refused && error.code === 'sync-run-taken'

/** @returns why the run fails; null where it does not */
const readAll = async (deps: SyncDeps, run: Run, reading: Reading): Promise<RunTrouble | null> => {
  if (run.account.settings.syncDirection === 'send') return null
  const blobs = { ...deps.blobs, put: batchedPut(deps.blobs) }
  let session: MailboxSession | null = null
  try {
    session = await deps.openMailbox(run.account.accountId, run.signal)
    return session ? await readMailbox({ ...deps, blobs })({ ...run, session }, reading) : null
  } catch (error) {
    if (run.signal.aborted || !(error instanceof MailUnavailable)) throw error
    return troubleOf(error)
  } finally {
    await session?.close()
  }
}
