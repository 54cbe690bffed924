import type pg from 'pg'
import { postgresEventStore } from '../adapters/postgres/event-store.ts'
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
