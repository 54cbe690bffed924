import type { Pool } from 'pg'
import { pause } from '../../../../std/pause.ts'
import { CheckpointLost, readClaims } from '../state/checkpoints.ts'
import type { Progress } from '../state/progress.ts'

const LOOK_MS = 1_000

/**
 * Ends claims that another process has undone: a runner to which no event comes moves no checkpoint, and would not hear
 * that its tables are to be filled anew. One statement a second for all read models of the process.
 */
export const watchClaims = async (
  pool: Pool,
  running: readonly Progress[],
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    await pause(LOOK_MS, signal)
    // Taken before the rows are read: those can only be ahead of it, unless somebody set them back.
    const claims = running.flatMap(({ key, claim }) => (claim ? [{ key, claim, saved: claim.saved }] : []))
    if (claims.length === 0 || signal.aborted) continue
    // What cannot be read now is read a second later.
    const rows = await readClaims(pool).catch(() => null)
    for (const { key, claim, saved } of rows ? claims : []) {
      const row = rows!.get(key)
      const stands = row && row.generation <= claim.generation && (row.position ?? '') >= (saved ?? '')
      if (!stands) claim.end.abort(new CheckpointLost(`The checkpoint ${key} was set back`))
    }
  }
}
