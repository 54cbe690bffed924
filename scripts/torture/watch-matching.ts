import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const LOOK_EVERY_MS = 30
const NEWEST = 'select coalesce(max(position), 0)::text as position from es.events'
const MATCHED = `select exists (select from es.events where position > $1 and type = 'MessageMatched') as matched`

/**
 * Resolves when a worker has just recorded something of what it matches: it is likely to be amid more. Never if the signal
 * aborts first.
 */
export const matchedAnew = async (database: pg.ClientConfig, signal: AbortSignal): Promise<void> => {
  const client = new pg.Client({ ...database, connectionTimeoutMillis: 2000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ position: string }>(NEWEST)
    while (!signal.aborted) {
      const found = await client.query<{ matched: boolean }>(MATCHED, [rows[0]!.position])
      if (found.rows[0]!.matched) return
      await sleep(LOOK_EVERY_MS)
    }
  } catch {
    // The database is down: there will be another moment.
  } finally {
    await client.end().catch(() => {})
  }
  return new Promise(() => {})
}
