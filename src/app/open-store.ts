import type pg from 'pg'
import { measuredStore } from '../adapters/metrics/measured-store.ts'
import type { Meter } from '../adapters/metrics/meter.ts'
import { postgresEventStore } from '../adapters/postgres/event-log/event-store.ts'
import { linkedStore, tracedStore } from '../adapters/tracing/traced-store.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { withUpcasts } from '../commands/with-upcasts.ts'
import { ConfigError, type Config } from '../config.ts'

type StoreSettings = Pick<Config, 'eventStoreUrl'> & {
  readonly egress?: Pick<Config['egress'], 'extraCa'>
}

/** A server that is started together with us may take a while. */
const START_PATIENCE_MS = 60_000

/**
 * The log chosen by the settings, upcast to today's events: EventStoreDB if EVENT_STORE_URL is set, otherwise the
 * database itself. `onError` is called with errors that were recovered from.
 * @throws ConfigError for a log that cannot be used
 */
export const openStore = async (
  settings: StoreSettings,
  pool: pg.Pool,
  onError: (error: Error) => void,
): Promise<EventStore> => withUpcasts(await chosenStore(settings, pool, onError))

/**
 * The log of `openStore` as a running service uses it: measured, then traced. `linkedStore` is for handling commands,
 * whose spans it links to those of the events they follow from.
 */
export const observedStore = (
  opened: EventStore,
  meter: Meter,
): { readonly store: EventStore; readonly linkedStore: EventStore } => {
  const store = tracedStore(measuredStore(opened, meter))
  return { store, linkedStore: linkedStore(store) }
}

const chosenStore = async (
  { eventStoreUrl, egress }: StoreSettings,
  pool: pg.Pool,
  onError: (error: Error) => void,
): Promise<EventStore> => {
  if (eventStoreUrl === null) return postgresEventStore(pool, { onError })
  // Loaded only if it is used: it depends on gRPC.
  const { eventStoreDb } = await import('../adapters/eventstoredb/event-store.ts')
  try {
    return await eventStoreDb(eventStoreUrl, {
      extraCa: egress?.extraCa ?? [],
      startPatienceMs: START_PATIENCE_MS,
      onError,
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown'
    throw new ConfigError(`The event store of EVENT_STORE_URL cannot be used: ${reason}`)
  }
}

/**
 * Records in the database which log belongs to it, if that is not known yet; of several processes the first one does.
 * @throws ConfigError for another log: its events would never reach the read models of this database
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
      'The event log of this process does not belong to this database. Set EVENT_STORE_URL as it was at the first start on this database, or leave it out if it was not set; docs/several-processes.md says how to switch to another log',
    )
}
