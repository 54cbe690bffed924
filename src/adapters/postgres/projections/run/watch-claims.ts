import type { Pool } from 'pg'
import { pause } from '../../../../std/pause.ts'
import { CheckpointLost, readClaims } from '../state/checkpoints.ts'
import type { Progress } from '../state/progress.ts'

const LOOK_MS = 1_000

/**
 * Ends claims that another process has invalidated: a runner that gets no events moves no checkpoint, and would not
 * notice that its tables are to be filled again. One statement a second for all read models of the process.
 */
export const watchClaims = async (
  pool: Pool,
  running: readonly Progress[],
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    await pause(LOOK_MS, signal)
    // Taken before the rows are read: the rows can only be ahead of this, unless somebody reset them.
    const claims = running.flatMap(({ key, claim }) => (claim ? [{ key, claim, saved: claim.saved }] : []))
    if (claims.length === 0 || signal.aborted) continue
    // A failed read is retried a second later.
    const rows = await readClaims(pool).catch(() => null)
    for (const { key, claim, saved } of rows ? claims : []) {
      const row = rows!.get(key)
      const stands = row && row.generation <= claim.generation && (row.position ?? '') >= (saved ?? '')
      if (!stands) claim.end.abort(new CheckpointLost(`The checkpoint ${key} was reset`))
    }
  }
}
