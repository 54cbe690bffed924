import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Test } from 'tap'
import { memoryEventStore } from './memory-event-store.ts'
import { postgresLeases } from '../../src/adapters/postgres/leases.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../src/adapters/postgres/projections/run/runner.ts'
import { verifyReadModels } from '../../src/adapters/postgres/projections/rebuild/verify.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import { defineEvent, type DomainEvent, type Json, type RecordedEvent } from '../../src/domain/event.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  schemaOf,
  table,
  text,
  timestamp,
  type AnyProjection,
} from '../../src/projections/projection.ts'
import { recordedEvents } from './fold-events.ts'
import { testDatabase } from './test-database.ts'
import { bigint, date, double } from './rare-columns.ts'

export const Counted = defineEvent('TestCounted', z.object({ key: z.string(), by: z.number() }))

export const countTables = {
  count: table({
    columns: {
      key: text,
      n: bigint,
      share: double,
      odd: boolean,
      at: timestamp,
      day: date,
      note: nullable(text),
      seen: json<Json>(),
    },
    key: ['key'],
    indexes: ['(n)', '(at desc, key) where odd'],
  }),
  total: table({ columns: { id: integer, n: bigint }, key: ['id'] }),
  pair: table({ columns: { size: integer, key: text, n: integer }, key: ['size', 'key'] }),
}

/** Every table says the same sum. */
export const counter = projection({
  name: 'counter',
  version: 1,
  tables: countTables,
  events: [Counted],
  fold: (event, rows) => {
    const { key, by } = event.data
    const n = (rows.get('count', { key })?.n ?? 0) + by
    const at = event.recordedAt
    rows.put('count', {
      key,
      n,
      share: n / 3,
      odd: n % 2 === 1,
      at,
      day: at.slice(0, 10),
      note: n > 5 ? null : key,
      seen: { key, n, list: [n] },
    })
    rows.put('total', { id: 1, n: (rows.get('total', { id: 1 })?.n ?? 0) + by })
    const pair = { size: key.length, key }
    rows.put('pair', { ...pair, n: (rows.get('pair', pair)?.n ?? 0) + by })
  },
})

export const add = async (store: EventStore, event: DomainEvent) => {
  const [{ metadata }] = recordedEvents([event]) as [RecordedEvent]
  const stream = `test-${randomUUID()}`
  return store.append({
    stream,
    expected: 'no_stream',
    events: [{ ...event, id: randomUUID(), metadata }],
  })
}

export const KEYS = ['a', 'b', 'B', 'ü', '\u{1F600}', '\uFFFD', 'long key', 'NULL', '"{\\,}"', '10', '9']

export const logOf = async (events: number): Promise<EventStore> => {
  const store = memoryEventStore()
  for (let n = 0; n < events; n++) await add(store, Counted({ key: KEYS[n % KEYS.length]!, by: 1 + (n % 3) }))
  return store
}

export const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The same, under a name of its own, and so with a checkpoint and tables of its own. */
export const named = (name: string, change: Partial<typeof counter> = {}): typeof counter => ({
  ...counter,
  name,
  ...change,
})

/** A database for read models to be made in, and what tells how they are. */
export const countingSite = async (t: Test) => {
  const config = await testDatabase(t)
  const pool = createPool({ ...config, max: 30 })
  t.teardown(() => pool.end())
  await migrate(pool)

  const running = (
    t: { teardown(fn: () => unknown): void },
    store: EventStore,
    projections: readonly AnyProjection[],
  ) => {
    const errors: string[] = []
    const log = { info: () => {}, error: (fields: object) => void errors.push(JSON.stringify(fields)) }
    const leases = postgresLeases(pool, { owner: 'test' })
    const runner = projectionRunner({ store, pool, leases, projections, log })
    const stop = new AbortController()
    const stopped = runner.start(stop.signal)
    const end = async () => {
      stop.abort()
      await stopped
    }
    t.teardown(end)
    const caughtUp = async () => {
      for (const { name } of projections)
        if (!(await runner.waitFor(name, (await store.head())!, 120_000))) throw new Error('Not caught up')
    }
    return { runner, errors, end, caughtUp }
  }
  const made = async (t: { teardown(fn: () => unknown): void }, store: EventStore, of: AnyProjection) => {
    const { caughtUp, end } = running(t, store, [of])
    await caughtUp()
    await end()
  }
  const isEqual = async (store: EventStore, of: AnyProjection): Promise<boolean> => {
    const [verified] = await verifyReadModels({ store, pool }, [of])
    return verified!.tables.every(({ equal }) => equal)
  }
  const shadowsOf = async (of: AnyProjection): Promise<string[]> => {
    const { rows } = await pool.query<{ nspname: string }>(
      'select nspname from pg_namespace where starts_with(nspname, $1)',
      [`${schemaOf(of)}__`],
    )
    return rows.map(({ nspname }) => nspname)
  }
  const totalOf = async (of: AnyProjection): Promise<number | undefined> => {
    const { rows } = await pool.query<{ n: number }>(`select n from ${schemaOf(of)}.total`)
    return rows[0]?.n
  }
  return { config, pool, running, made, isEqual, shadowsOf, totalOf }
}
