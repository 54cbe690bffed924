import { patternRuns, patternsStream } from '../../domain/sync/pattern-run.ts'
import { newCommandId } from '../handle.ts'
import type { SyncDeps } from './ports.ts'
import { askAgain } from './read-mailbox.ts'
import type { OpenRun } from './run.ts'

const ASKED_AT_ONCE = 200
/** For so long in one run, as a backfill reads, so that new mail is looked for in between. */
const AT_MOST_MS = 60_000

/**
 * Fetches again what patterns had left out that apply no longer, and records when that is done. What other patterns
 * leave out now stays out.
 */
export const fetchLeftOut = async (deps: SyncDeps, run: OpenRun): Promise<void> => {
  const { accountId } = run.account
  const stream = patternsStream(accountId)
  const { applied } = (await deps.load(patternRuns, stream)).state
  if (!applied.toFetch) return
  const endsAt = deps.clock().getTime() + AT_MOST_MS
  for (let after: { folder: string; ref: string } | null = null; ;) {
    const places = await deps.leftOut({ accountId, ...applied, after, limit: ASKED_AT_ONCE })
    if (places.length > 0) await askAgain(deps, run, places, places)
    if (places.length < ASKED_AT_ONCE) break
    after = places.at(-1) ?? after
    if (deps.clock().getTime() >= endsAt || deps.hasHint(accountId)) return
  }
  const { number } = applied
  const caller = { ...run.caller, commandId: newCommandId(deps.clock()), causationId: run.caller.commandId }
  await deps.handle(patternRuns, stream, { do: 'record-fetched', accountId, number }, caller)
}
