import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Kysely, PostgresDialect } from 'kysely'
import type { Pool } from 'pg'
import { z } from 'zod'
import { memoryEventStore } from './memory-event-store.ts'
import { postgresLeases } from '../../src/adapters/postgres/leases.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { projectionRunner, type RunnerDeps } from '../../src/adapters/postgres/projections/run/runner.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { Lease, Leases } from '../../src/commands/ports/leases.ts'
import { defineEvent, type DomainEvent, type RecordedEvent } from '../../src/domain/event.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
} from '../../src/projections/projection.ts'
import { bigint, date, double } from './rare-columns.ts'
import { anyCharacter } from './any-character.ts'
import { recordedEvents } from './fold-events.ts'
import { testDatabase } from './test-database.ts'

// A read model whose keys depend on its rows: a message leads to an account, that to an owner and a total.
export const Stored = defineEvent(
  'TestStored',
  z.object({
    message: z.string(),
    account: z.string(),
    at: z.string(),
    subject: z.string(),
    size: z.number(),
  }),
)
const Moved = defineEvent('TestMoved', z.object({ message: z.string(), account: z.string() }))
const Removed = defineEvent('TestRemoved', z.object({ message: z.string() }))
export const Given = defineEvent('TestGiven', z.object({ account: z.string(), owner: z.string().nullable() }))
export const Other = defineEvent('TestOther', z.object({}))

export const tables = {
  message: table({
    columns: {
      id: text,
      account: text,
      subject: text,
      at: timestamp,
      day: date,
      size: bigint,
      share: double,
      big: boolean,
      seen: json<{ [key: string]: string | number | null | string[] }>(),
    },
    key: ['id'],
    indexes: ['(account, at desc)'],
  }),
  account: table({ columns: { id: text, owner: nullable(text), messages: integer }, key: ['id'] }),
  total: table({
    columns: { owner: text, day: date, messages: integer, bytes: bigint, last: nullable(timestamp) },
    key: ['owner', 'day'],
  }),
}

export const mailbox = projection({
  name: 'test-mailbox',
  version: 1,
  tables,
  events: [Stored, Moved, Removed, Given],
  fold: (event, rows) => {
    const accountOf = (id: string) => rows.get('account', { id }) ?? { id, owner: null, messages: 0 }
    const count = (id: string, by: 1 | -1, message: { day: string; size: number; at: string }) => {
      const account = accountOf(id)
      rows.put('account', { ...account, messages: account.messages + by })
      const key = { owner: account.owner ?? '', day: message.day }
      const total = rows.get('total', key) ?? { ...key, messages: 0, bytes: 0, last: null }
      total.messages += by
      total.bytes += by * message.size
      total.last = by === 1 ? message.at : total.last
      if (total.messages === 0) rows.remove('total', key)
      else rows.put('total', total)
    }
    switch (event.type) {
      case 'TestStored': {
        const { message: id, account, subject, at, size } = event.data
        if (rows.get('message', { id })) return
        const seen = { [subject]: size, longer: null, b: [subject], 9: 'nine' }
        const row = {
          id,
          account,
          subject,
          at,
          day: at.slice(0, 10),
          size,
          share: size / 3,
          big: size > 9,
          seen,
        }
        rows.put('message', row)
        return count(account, 1, row)
      }
      case 'TestMoved': {
        const row = rows.get('message', { id: event.data.message })
        if (!row) return
        count(row.account, -1, row)
        rows.put('message', {
          ...row,
          account: event.data.account,
          seen: { ...row.seen, moved: row.account },
        })
        return count(event.data.account, 1, row)
      }
      case 'TestRemoved': {
        const row = rows.get('message', { id: event.data.message })
        if (!row) return
        rows.remove('message', { id: row.id })
        return count(row.account, -1, row)
      }
      case 'TestGiven':
        return rows.put('account', { ...accountOf(event.data.account), owner: event.data.owner })
    }
  },
})

const id = fc.constantFrom('a', 'b', 'c', 'NULL', '"{\\,}"', 'ü\u0000', '\ud800', ' ')
export const anyText = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.string(),
  fc.constantFrom('\u0000', 'x\udfff', '__proto__'),
)
export const anyEvent: fc.Arbitrary<DomainEvent> = fc.oneof(
  fc
    .record({
      message: id,
      account: id,
      at: fc.date({ min: new Date('2026-01-01'), max: new Date('2026-01-03'), noInvalidDate: true }),
      subject: anyText,
      size: fc.integer({ min: 0, max: 2 ** 40 }),
    })
    .map((data) => Stored({ ...data, at: data.at.toISOString() })),
  fc.record({ message: id, account: id }).map((data) => Moved(data)),
  fc.record({ message: id }).map((data) => Removed(data)),
  fc.record({ account: id, owner: fc.option(id) }).map((data) => Given(data)),
)

/** Events of the read model, the same for the same seed. */
export const sample = (seed: number, size: number) =>
  fc.sample(fc.array(anyEvent, { minLength: size, maxLength: size }), { seed, numRuns: 1 })[0]!

export const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const logOf = async (
  events: readonly DomainEvent[],
  store: EventStore = memoryEventStore(),
): Promise<EventStore> => {
  for (const event of events) await add(store, event)
  return store
}

export const add = async (store: EventStore, event: DomainEvent) => {
  const [{ metadata }] = recordedEvents([event]) as [RecordedEvent]
  const [newId, stream] = [randomUUID(), `test-${randomUUID()}`]
  return store.append({ stream, expected: 'no_stream', events: [{ ...event, id: newId, metadata }] })
}

export const silent = { info: () => {}, error: () => {} }
const retryMs = { first: 5, most: 50 }

/** A database of its own, and runners on it of `mailbox` under other names. */
export const mailboxRig = async (test: { teardown(fn: () => unknown): void }) => {
  const config = await testDatabase(test)
  const pool = createPool({ ...config, max: 20 })
  test.teardown(() => pool.end())
  await migrate(pool)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })

  /** Each test has its own projection under its own name, and so its own checkpoint, lease and tables. */
  const named = (name: string, change: Partial<typeof mailbox> = {}): typeof mailbox => ({
    ...mailbox,
    name,
    ...change,
  })
  const rowsIn = async (schema: string) => {
    const of = db.withSchema(schema) as unknown as Kysely<Record<string, Record<string, unknown>>>
    const rows: Record<string, unknown> = {}
    for (const [name, { key }] of Object.entries(tables))
      rows[name] = await key
        .reduce((query, column) => query.orderBy(column), of.selectFrom(name).selectAll())
        .execute()
    return rows
  }
  const running = (
    t: { teardown(fn: () => unknown): void },
    deps: Partial<RunnerDeps> & Pick<RunnerDeps, 'store' | 'projections'>,
  ) => {
    const leases = deps.leases ?? postgresLeases(pool, { owner: 'test' })
    const runner = projectionRunner({ pool, log: silent, retryMs, ...deps, leases })
    const stop = new AbortController()
    const stopped = runner.start(stop.signal)
    const end = async () => {
      stop.abort()
      await stopped
    }
    t.teardown(end)
    return { ...runner, end }
  }
  return { pool, db, named, rowsIn, running }
}

export const caughtUp = async (
  runner: Pick<ReturnType<typeof projectionRunner>, 'waitFor'>,
  store: EventStore,
  name: string,
) => {
  if (!(await runner.waitFor(name, (await store.head())!, 60_000))) throw new Error('Not caught up in time')
}

export const lease = (name: string, generation: number): Lease => ({
  name,
  generation,
  signal: new AbortController().signal,
  release: async () => {},
})

/** One lease of this generation, and none after it. */
export const once = (generation: number): Leases => {
  let given = false
  return {
    acquire: async (name) => {
      if (given) return null
      given = true
      return lease(name, generation)
    },
  }
}

export const generationOf = async (pool: Pool, of: { name: string }): Promise<number> => {
  const { rows } = await pool.query<{ generation: number }>(
    'select generation from mailtrail.checkpoints where projection = $1',
    [of.name],
  )
  return rows[0]!.generation
}
