import { Kysely, PostgresDialect } from 'kysely'
import type { Test } from 'tap'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { postgresLeases } from '../../src/adapters/postgres/leases.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../src/adapters/postgres/projections/run/runner.ts'
import type { DomainEvent } from '../../src/domain/event.ts'
import type { AnyProjection } from '../../src/projections/projection.ts'
import { recordedEvents, type Envelope } from './fold-events.ts'
import { testDatabase } from './test-database.ts'

/** A log in a database of its own, and read models that follow it until `t` ends, for tests of their queries. */
export const followedLog = async (t: Test, projections: readonly AnyProjection[]) => {
  const pool = createPool(await testDatabase(t))
  t.teardown(() => pool.end())
  await migrate(pool)
  const store = postgresEventStore(pool)
  t.teardown(() => store.close())
  const runner = projectionRunner({
    store,
    pool,
    leases: postgresLeases(pool, { owner: 'test' }),
    projections,
    log: { info: () => {}, error: (fields: object, message: string) => console.error(fields, message) },
  })
  const stopping = new AbortController()
  const running = runner.start(stopping.signal)
  t.teardown(async () => {
    stopping.abort()
    await running
  })
  return {
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    /** Appends to the streams of the envelopes, in this order. */
    append: async (...events: (DomainEvent & { envelope?: Envelope })[]): Promise<void> => {
      for (const { type, data, id, stream, metadata } of recordedEvents(events)) {
        const expected = (await store.readStream(stream)).at(-1)?.revision ?? 'no_stream'
        await store.append({ stream, expected, events: [{ type, data, id, metadata }] })
      }
    },
    caughtUp: async (): Promise<void> => {
      const head = (await store.head()) ?? ''
      for (const { name } of projections)
        if (!(await runner.waitFor(name, head, 60_000))) throw new Error(`${name} does not catch up`)
    },
  }
}
