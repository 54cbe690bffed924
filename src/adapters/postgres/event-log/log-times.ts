import type { Pool } from 'pg'
import type { EventStore } from '../../../commands/ports/event-log.ts'
import type { Position } from '../../../domain/event.ts'

export type LogTimes = {
  /** Records where the log ends now, and deletes ends beyond that, which are left over after a backup is restored. */
  note(): Promise<void>
  /** Like `EventStore.positionAt`, searching from the last end recorded before this instant (RFC 3339). */
  positionAt(instant: string): Promise<Position | null>
}

/** Ends of the log by time, so that finding the position for a time reads only the events between two of them. */
export const logTimes = (pool: Pool, store: EventStore): LogTimes => ({
  note: async () => {
    const newest = await store.newest()
    if (newest === null) return
    const { recordedAt, position } = newest
    const storeId = await store.storeId()
    // Deleted first, because a stale end may have the same instant.
    await pool.query('delete from mailtrail.log_times where store_id = $1 and position > $2', [
      storeId,
      position,
    ])
    await pool.query(
      'insert into mailtrail.log_times (store_id, recorded_at, position) values ($1, $2, $3) on conflict do nothing',
      [storeId, recordedAt, position],
    )
  },
  positionAt: async (instant) => {
    const { rows } = await pool.query<{ position: Position }>(
      `select position from mailtrail.log_times where store_id = $1 and recorded_at < $2 and position <= $3
       order by recorded_at desc limit 1`,
      [await store.storeId(), instant, await store.head()],
    )
    return store.positionAt(instant, rows[0]?.position ?? null)
  },
})
