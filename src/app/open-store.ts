import type pg from 'pg'
import { postgresEventStore } from '../adapters/postgres/event-log/event-store.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { withUpcasts, type UpcastStore } from '../commands/with-upcasts.ts'
import { ConfigError } from '../config.ts'

/**
 * The log that the settings choose, as events read today: EventStoreDB where EVENT_STORE_URL names one, else the
 * database itself. `onError` is told of losses that it got over.
 * @throws ConfigError for a log that cannot be used
 */
export const openStore = async (
  { eventStoreUrl }: { readonly eventStoreUrl: string | null },
  pool: pg.Pool,
  onError: (error: Error) => void,
): Promise<UpcastStore> => {
  if (eventStoreUrl === null) return withUpcasts(postgresEventStore(pool, { onError }))
  // Loaded by those alone who use it: it brings gRPC with it.
  const { eventStoreDb } = await import('../adapters/eventstoredb/event-store.ts')
  try {
    return withUpcasts(await eventStoreDb(eventStoreUrl, { onError }))
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown'
    throw new ConfigError(`The event store of EVENT_STORE_URL cannot be used: ${reason}`)
  }
}

/**
 * Notes in the database which log belongs to it, where that is not known yet; of several processes the first one does.
 * @throws ConfigError for another log: what it took would never come into the read models of this database
 */
export const requireOwnLog = async (pool: pg.Pool, store: Pick<EventStore, 'storeId'>): Promise<void> => {
  const storeId = await store.storeId()
  await pool.query(
    `insert into mailtrail.event_log (store_id)
     select $1::uuid where not exists (select from mailtrail.checkpoints where store_id <> $1::uuid)
     on conflict do nothing`,
    [storeId],
  )
  const { rowCount } = await pool.query('select from mailtrail.event_log where store_id = $1', [storeId])
  if (rowCount === 0)
    throw new ConfigError(
      'The event log of this process is not the one of this database. Set EVENT_STORE_URL as it was at the first start on this database, or leave it out where it was not set; docs/several-processes.md says how a log is given up for another',
    )
}
