import pg from 'pg'
import { readCheckpoints } from '../../src/adapters/postgres/projections/state/checkpoints.ts'
import { connectionIn } from './fire.ts'

/** Looks at the checkpoints in the running database, whenever told to, and notes what went back. */
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
      // Killed meanwhile; the next look sees what became of it.
    } finally {
      await client.end().catch(() => {})
    }
  }
  const look = (lostDatabase: boolean): void => {
    // What it had not written to disk yet is gone, the rows of the read models with it: folding again makes good.
    if (lostDatabase) seen.clear()
    void read()
  }
  return { wentBack, look }
}
