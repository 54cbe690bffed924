import type pg from 'pg'
import { measuredStore } from '../adapters/metrics/measured-store.ts'
import type { Meter } from '../adapters/metrics/meter.ts'
import { postgresEventStore } from '../adapters/postgres/event-log/event-store.ts'
import { linkedStore, tracedStore } from '../adapters/tracing/traced-store.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { withUpcasts } from '../commands/with-upcasts.ts'
import { ConfigError, type Config } from '../config.ts'

type StoreSettings = Pick<Config, 'eventStoreUrl'>

/**
 * The log that the settings choose, as events read today: EventStoreDB where EVENT_STORE_URL names one, else the
 * database itself. `onError` is told of losses that it got over.
 * @throws ConfigError for a log that cannot be used
 */
export const openStore = async (
  settings: StoreSettings,
  pool: pg.Pool,
  onError: (error: Error) => void,
): Promise<EventStore> => withUpcasts(await chosenStore(settings, pool, onError))

/**
 * The log of `openStore` as a running service uses it: measured, then traced. `linkedStore` is for the handling of
 * commands, whose spans it links with those of what they follow from.
 */
export const observedStore = (
  opened: EventStore,
  meter: Meter,
): { readonly store: EventStore; readonly linkedStore: EventStore } => {
  const store = tracedStore(measuredStore(opened, meter))
  return { store, linkedStore: linkedStore(store) }
}

const chosenStore = async (
  { eventStoreUrl }: StoreSettings,
  pool: pg.Pool,
  onError: (error: Error) => void,
): Promise<EventStore> => {
  if (eventStoreUrl === null) return postgresEventStore(pool, { onError })
  // Loaded by those alone who use it: it brings gRPC with it.
  const { eventStoreDb } = await import('../adapters/eventstoredb/event-store.ts')
  try {
    return await eventStoreDb(eventStoreUrl, { onError })
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
