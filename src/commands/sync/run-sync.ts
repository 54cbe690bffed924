import type { SyncCursor, WithheldMessage } from '../../domain/sync/events.ts'
import { internalError, Refused } from '../../domain/refusal.ts'
import {
  syncRun,
  syncRunStream,
  type RunTrouble,
  type SyncRunCommand,
  type SyncTrigger,
} from '../../domain/sync/sync-run.ts'
import { newCommandId, type Caller } from '../handle.ts'
import { MailUnavailable, type MailboxSession } from '../ports/mail-provider.ts'
import { batchedPut } from './batched-blobs.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'
import { placeKey, troubleOf, type Run } from './run.ts'
import { readMailbox, type Looked } from './read-mailbox.ts'

/**
 * `done`: the run ended and says how. `interrupted`: it was stopped, or lost its lease; the next one goes on from what
 * it recorded. `busy`: another worker is at this account. `inactive`: the account is not to be synced.
 */
export type SyncRunResult =
  | { readonly kind: 'done'; readonly number: number; readonly outcome: 'success' | 'partial' | 'failed' }
  | { readonly kind: 'interrupted'; readonly number: number }
  | { readonly kind: 'busy' | 'inactive' }

/**
 * One sync run of one account under its lease: everything new is stored, every folder's counts and the cursor are recorded
 * behind it, and the run ends in success, partial (something failed, and is named) or failed (with a remedy). Nothing
 * in the mailbox is changed. A run whose worker died is ended first, and this one goes on where it came to.
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
  signal: AbortSignal,
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
  await tell({ do: 'start', accountId, number, trigger, cursors: last.cursors, withheld: last.withheld })
  const run: Run = {
    caller,
    account,
    trigger,
    cursors: new Map(last.cursors.map((cursor) => [cursor.scope, cursor])),
    withheld: new Map(last.withheld.map((each) => [placeKey(each.placement), each])),
    tell: async (command) => void (await tell(command)),
    signal,
  }
  try {
    const { trouble, unchanged, missingFolders } = await readAll(deps, run)
    const { state } = await tell(
      trouble ? { do: 'fail', trouble } : { do: 'finish', unchanged, missingFolders },
    )
    const missed = missingFolders.length > 0 || (state.status !== 'none' && state.failed > 0)
    return { kind: 'done', number, outcome: trouble ? 'failed' : missed ? 'partial' : 'success' }
  } catch (error) {
    if (signal.aborted || isTaken(error)) return { kind: 'interrupted', number }
    // The run says so, that the next one waits a while; what cannot be told now, that one finds out.
    await tell({ do: 'fail', trouble: ours }).catch(() => {})
    throw error
  }
}

const ours: RunTrouble = {
  kind: 'temporary',
  code: internalError.code,
  detail: internalError.meaning,
  remedy: 'Do nothing: it is tried again automatically. If it keeps failing, tell the operator.',
  until: null,
}

/** The newest run: the read model says where to begin to look, the streams say which is the last. */
const lastRun = async (
  deps: SyncDeps,
  accountId: string,
): Promise<{
  number: number
  running: boolean
  cursors: readonly SyncCursor[]
  withheld: readonly WithheldMessage[]
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
  return { number, running: last?.status === 'running', cursors, withheld }
}

const isTaken = (error: unknown): boolean => error instanceof Refused && error.code === 'sync-run-taken'

const nothing: Looked = { trouble: null, unchanged: [], missingFolders: [] }

const readAll = async (deps: SyncDeps, run: Run): Promise<Looked> => {
  if (run.account.settings.syncDirection === 'send') return nothing
  const blobs = { ...deps.blobs, put: batchedPut(deps.blobs) }
  let session: MailboxSession | null = null
  try {
    session = await deps.openMailbox(run.account.accountId, run.signal)
    return session ? await readMailbox({ ...deps, blobs })({ ...run, session }) : nothing
  } catch (error) {
    if (run.signal.aborted || !(error instanceof MailUnavailable)) throw error
    return { ...nothing, trouble: troubleOf(error) }
  } finally {
    await session?.close()
  }
}
