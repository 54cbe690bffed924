import pg from 'pg'
import { readCheckpoints } from '../../src/adapters/postgres/projections/state/checkpoints.ts'
import { connectionIn } from './fire.ts'

/** Reads the checkpoints of the running database on request, and records any that moved back. */
export const watchCheckpoints = (folder: string) => {
  const seen = new Map<string, string>()
  const wentBack: string[] = []
  const read = async (): Promise<void> => {
    const client = new pg.Client({ ...connectionIn(folder), connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      for (const [key, position] of await readCheckpoints(client)) {
        const before = seen.get(key)
        if (before !== undefined && (position ?? '') < before)
          wentBack.push(`The checkpoint of ${key} went back from ${before} to ${position}`)
        if (position !== null) seen.set(key, position)
      }
    } catch {
      // Killed meanwhile; the next read sees the result.
    } finally {
      await client.end().catch(() => {})
    }
  }
  const look = (lostDatabase: boolean): void => {
    // What had not been written to disk is lost, together with the read models' rows: both are folded again.
    if (lostDatabase) seen.clear()
    void read()
  }
  return { wentBack, look }
}
