import { backfill, backfillStream, type Backfill } from '../../domain/sync/backfill.ts'
import type { BackfillCursors, SyncCursor } from '../../domain/sync/events.ts'
import { newCommandId } from '../handle.ts'
import type { SyncDeps } from './ports.ts'
import { readChanges, type Reading } from './read-mailbox.ts'
import type { OpenRun } from './run.ts'

/** A backfill reads for so long in one run, so that new mail is looked for in between, and other accounts have their turn. */
const AT_MOST_MS = 60_000

/**
 * Where runs go on from, for the mailbox and for a backfill. A backfill has cursors of its own, so that the mailbox is
 * read for new mail as if there were none. Once it has come to its end, its cursors know of more than the others, and
 * replace them.
 */
export const cursorsOf = (
  state: Backfill,
  cursors: readonly SyncCursor[],
  of: BackfillCursors | null,
): { readonly cursors: readonly SyncCursor[]; readonly backfill: BackfillCursors | null } => {
  if (state.status === 'none') return { cursors, backfill: null }
  const own = of?.since === state.since ? of.cursors : []
  if (state.status !== 'finished') return { cursors, backfill: { since: state.since, cursors: [...own] } }
  const scopes = new Set(own.map(({ scope }) => scope))
  return { cursors: [...cursors.filter(({ scope }) => !scopes.has(scope)), ...own], backfill: null }
}

/**
 * Goes on with a backfill that is under way, and records it when it has come to its end. A folder that could not be read
 * keeps it from its end.
 */
export const readBackfill = async (deps: SyncDeps, run: OpenRun, reading: Reading): Promise<void> => {
  const { accountId } = run.account
  const find = async () => (await deps.load(backfill, backfillStream(accountId))).state
  const { backfill: track } = run
  if (track === null || (await find()).status !== 'running') return
  const endsAt = deps.clock().getTime() + AT_MOST_MS
  const mayGoOn = async (): Promise<boolean> => {
    if (deps.clock().getTime() >= endsAt || deps.hasHint(accountId)) return false
    const now = await find()
    return now.status === 'running' && now.since === track.backfill
  }
  const isOver = await readChanges(deps, run, track, reading, mayGoOn)
  if (!isOver || reading.troubles.size > 0 || track.backfill === null) return
  const caller = {
    ...run.caller,
    commandId: newCommandId(deps.clock()),
    causationId: run.caller.commandId,
  }
  await deps.handle(backfill, backfillStream(accountId), { do: 'finish', since: track.backfill }, caller)
}
