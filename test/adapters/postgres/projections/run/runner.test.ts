import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Kysely, PostgresDialect } from 'kysely'
import type { Pool } from 'pg'
import t from 'tap'
import { z } from 'zod'
import { memoryEventStore } from '../../../../../src/adapters/memory/event-store.ts'
import { postgresLeases } from '../../../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import { tableCells } from '../../../../../src/adapters/postgres/projections/fold/cells.ts'
import {
  readModelsEqualRebuild,
  rebuildInto,
} from '../../../../../src/adapters/postgres/projections/rebuild/rebuild.ts'
import {
  projectionRunner,
  type RunnerDeps,
} from '../../../../../src/adapters/postgres/projections/run/runner.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import type { Lease, Leases } from '../../../../../src/commands/ports/leases.ts'
import {
  defineEvent,
  type DomainEvent,
  type Json,
  type RecordedEvent,
} from '../../../../../src/domain/event.ts'
import {
  bigint,
  boolean,
  date,
  double,
  integer,
  json,
  nullable,
  projection,
  schemaOf,
  table,
  text,
  timestamp,
  type AnyProjection,
} from '../../../../../src/projections/projection.ts'
import { anyCharacter } from '../../../../support/any-character.ts'
import { failingPool } from '../../../../support/failing-pool.ts'
import { foldEvents, recordedEvents } from '../../../../support/fold.ts'
import { testDatabase } from '../../../../support/postgres.ts'
import { runs } from '../../../../support/long-runs.ts'

// A read model whose keys depend on its rows: a message leads to an account, that to an owner and a total.
const Stored = defineEvent(
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
const Given = defineEvent('TestGiven', z.object({ account: z.string(), owner: z.string().nullable() }))
const Other = defineEvent('TestOther', z.object({}))

const tables = {
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

const mailbox = projection({
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
const anyText = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.string(),
  fc.constantFrom('\u0000', 'x\udfff', '__proto__'),
)
const anyEvent: fc.Arbitrary<DomainEvent> = fc.oneof(
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

const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const logOf = async (
  events: readonly DomainEvent[],
  store: EventStore = memoryEventStore(),
): Promise<EventStore> => {
  for (const event of events) await add(store, event)
  return store
}
const add = async (store: EventStore, event: DomainEvent) => {
  const [{ metadata }] = recordedEvents([event]) as [RecordedEvent]
  const [newId, stream] = [randomUUID(), `test-${randomUUID()}`]
  return store.append({ stream, expected: 'no_stream', events: [{ ...event, id: newId, metadata }] })
}

const silent = { info: () => {}, error: () => {} }
const retryMs = { first: 5, most: 50 }

t.test('a projection runner', async (t) => {
  const config = await testDatabase(t)
  const pool = createPool({ ...config, max: 20 })
  t.teardown(() => pool.end())
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
    parts: Partial<RunnerDeps> & Pick<RunnerDeps, 'store' | 'projections'>,
  ) => {
    const leases = parts.leases ?? postgresLeases(pool, { owner: 'test' })
    const runner = projectionRunner({ pool, log: silent, retryMs, ...parts, leases })
    const stop = new AbortController()
    const stopped = runner.start(stop.signal)
    const end = async () => {
      stop.abort()
      await stopped
    }
    t.teardown(end)
    return { ...runner, end }
  }
  const caughtUp = async (
    runner: Pick<ReturnType<typeof projectionRunner>, 'waitFor'>,
    store: EventStore,
    name: string,
  ) => {
    if (!(await runner.waitFor(name, (await store.head())!, 60_000))) throw new Error('Not caught up in time')
  }
  const sample = (seed: number, size: number) =>
    fc.sample(fc.array(anyEvent, { minLength: size, maxLength: size }), { seed, numRuns: 1 })[0]!

  t.test(
    'pages of one, of three and of a thousand give the same rows, and the same as in memory',
    async (t) => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
          const store = await logOf(events)
          const expected = await foldEvents(mailbox, recordedEvents(events))
          for (const pageSize of [1, 3, 1000]) {
            const schema = `law_${++run}`
            await rebuildInto({ store, pool }, mailbox, schema, await store.head(), pageSize)
            assert.deepEqual(await rowsIn(schema), expected, `pages of ${pageSize}`)
            await pool.query(`drop schema ${schema} cascade`)
          }
        }),
        { numRuns: runs(12, 25) },
      )
      t.pass()
    },
  )

  t.test('any value that fits its column comes back as it was folded', async (t) => {
    const instants = fc.date({
      min: new Date('0001-01-01'),
      max: new Date('9999-12-31'),
      noInvalidDate: true,
    })
    const anyRow = fc.record({
      id: anyText,
      number: fc.maxSafeInteger(),
      double: fc.double({ noNaN: true, noDefaultInfinity: true }),
      at: instants.map((at) => at.toISOString()),
      day: instants.map((at) => at.toISOString().slice(0, 10)),
      flag: fc.boolean(),
      value: fc.oneof(
        fc.jsonValue({ stringUnit: anyCharacter }),
        fc.constantFrom(1e21, 1e-7, 5e-324, -0, 1.7e308),
      ),
      maybe: fc.option(fc.jsonValue()),
    })
    const Put = defineEvent('TestPut', z.array(z.unknown()))
    const columns = {
      id: text,
      number: bigint,
      double,
      at: timestamp,
      day: date,
      flag: boolean,
      value: json<Json>(),
      maybe: nullable(json<Json>()),
    }
    const of = projection({
      name: 'test-values',
      version: 1,
      tables: { row: table({ columns, key: ['id', 'number', 'double', 'at', 'day', 'flag'] }) },
      events: [Put],
      fold: (event, rows) => {
        for (const row of event.data) rows.put('row', row as Parameters<typeof rows.put>[1])
      },
    })
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 20, maxLength: 40 }), async (values) => {
        const schema = `values_${++run}`
        const store = await logOf([Put(values)])
        await rebuildInto({ store, pool }, of, schema, await store.head())
        const kysely = db.withSchema(schema) as unknown as Kysely<{ row: object }>
        const rows = await kysely.selectFrom('row').selectAll().execute()
        const expected = (await foldEvents(of, recordedEvents([Put(values)]))).row
        const inOrder = (some: readonly object[]) => some.map((row) => JSON.stringify(row)).toSorted()
        assert.deepEqual(inOrder(rows), inOrder(expected))
        await pool.query(`drop schema ${schema} cascade`)
      }),
      { numRuns: runs(6, 10) },
    )
    t.pass()
  })

  t.test('instants and days in other spellings are brought into one', async (t) => {
    const columns = { id: integer, at: timestamp, day: date }
    const cells = tableCells('edge', table({ columns, key: ['id'] }))
    const stored = (at: string, day: string) => cells.toCells({ id: 1, at, day }).slice(1)
    t.same(stored('2026-01-31T01:00:00.123456+02:00', '2024-02-29'), [
      '2026-01-30T23:00:00.123Z',
      '2024-02-29',
    ])
    t.same(stored('0000-01-01T00:00:00Z', '0000-02-29'), ['0001-01-01T00:00:00.000Z', '0001-01-01'])
    for (const at of ['2026-01-31', 'Jan 31 2026', '2026-13-01T00:00:00Z', '2026-01-31T00:00:00'])
      t.throws(() => stored(at, '2026-01-31'), { message: 'edge.at is not an instant' })
    for (const day of ['2026-02-29', '2026-1-1', '20260101', '2026-01-31T00:00:00Z'])
      t.throws(() => stored('2026-01-31T00:00:00Z', day), { message: 'edge.day is not a day' })
  })

  t.test('an event that is appended while it runs is in the tables when waitFor says so', async (t) => {
    const of = named('live')
    const store = memoryEventStore()
    const runner = running(t, { store, projections: [of] })
    let advances = 0
    const forget = runner.onAdvanced(of.name, () => advances++)
    const events = sample(1, 30)
    for (const [index, event] of events.entries()) {
      const { position } = await add(store, event)
      t.ok(await runner.waitFor(of.name, position, 10_000))
      if (index % 10 === 0)
        t.strictSame(
          await rowsIn(schemaOf(of)),
          await foldEvents(of, recordedEvents(events.slice(0, index + 1))),
        )
    }
    t.ok(advances > 0 && advances <= 30, 'listeners hear of each commit')
    forget()
    const [status] = await runner.status()
    t.match(status, { name: of.name, version: 1, lagMs: 0, runningHere: true, error: null })
    t.equal(status!.position, await store.head())
  })

  t.test('a connection lost at any statement changes no figure', async (t) => {
    const of = named('lost')
    const store = await logOf(sample(2, 300))
    let countdown = 3
    let lost = 0
    const failing = failingPool(pool, () => {
      if (countdown-- > 0 || lost >= 60) return false
      countdown = 1 + ((lost * 7) % 12)
      lost++
      return true
    })
    const runner = running(t, {
      store,
      pool: failing,
      projections: [of],
      pageSize: 9,
      retryMs: { first: 1, most: 2 },
    })
    await caughtUp(runner, store, of.name)
    t.ok(lost > 20, `${lost} connections were lost`)
    t.same(
      (await readModelsEqualRebuild({ store, pool, projections: [of] })).filter(({ equal }) => !equal),
      [],
    )
    t.strictSame(await rowsIn(schemaOf(of)), await foldEvents(of, recordedEvents(sample(2, 300))))
  })

  t.test('two runners that both believe to own the projection change no figure', async (t) => {
    const of = named('two')
    const store = await logOf(sample(3, 400))
    // Every request is granted, as if each lease had just run out: only generation and checkpoint are in the way.
    // Not at once, or neither would ever get as far as a commit.
    let generation = 0
    const generous: Leases = {
      acquire: async (name) => {
        await new Promise((resolve) => setTimeout(resolve, 10))
        return lease(name, ++generation)
      },
    }
    const first = running(t, { store, leases: generous, projections: [of], pageSize: 3 })
    const second = running(t, { store, leases: generous, projections: [of], pageSize: 5 })
    await Promise.all([caughtUp(first, store, of.name), caughtUp(second, store, of.name)])
    await Promise.all([first.end(), second.end()])
    t.ok(generation > 2, `the projection changed hands ${generation} times`)
    const compared = await readModelsEqualRebuild({ store, pool, projections: [of] })
    t.ok(compared.every(({ equal, liveRows, rebuiltRows }) => equal && liveRows === rebuiltRows))
    t.ok(compared.some(({ liveRows }) => liveRows > 0))
  })

  t.test('of two runners with real leases one runs, and the other takes over', async (t) => {
    const of = named('heir')
    const store = await logOf(sample(4, 50))
    const first = running(t, { store, projections: [of], leases: postgresLeases(pool, { owner: 'first' }) })
    await caughtUp(first, store, of.name)
    const second = running(t, { store, projections: [of], leases: postgresLeases(pool, { owner: 'second' }) })
    const { position } = await add(store, Given({ account: 'a', owner: 'b' }))
    t.ok(await second.waitFor(of.name, position, 10_000), 'waitFor sees what another process has done')
    t.notOk((await second.status())[0]!.runningHere)
    t.equal((await second.status())[0]!.lagMs, 0)
    await first.end()
    await until(async () => (await second.status())[0]!.runningHere, 'the second takes over')
    await add(
      store,
      Stored({ message: 'new', account: 'a', at: '2026-01-01T00:00:00Z', subject: '', size: 1 }),
    )
    await caughtUp(second, store, of.name)
    t.ok((await readModelsEqualRebuild({ store, pool, projections: [of] })).every(({ equal }) => equal))
  })

  t.test('a runner whose lease was taken over cannot commit', async (t) => {
    const of = named('fenced')
    const store = await logOf(sample(5, 20))
    const old = running(t, { store, projections: [of], leases: once(1) })
    await caughtUp(old, store, of.name)
    const taker = running(t, { store, projections: [of], leases: once(2) })
    await until(async () => (await generationOf(pool, of)) === 2, 'the second claims the checkpoint')
    await taker.end()
    const before = await rowsIn(schemaOf(of))
    await add(
      store,
      Stored({ message: 'late', account: 'late', at: '2026-01-01T00:00:00Z', subject: '', size: 1 }),
    )
    await until(async () => !(await old.status())[0]!.runningHere, 'the first notices')
    t.strictSame(await rowsIn(schemaOf(of)), before)
  })

  t.test('a read model of another log, or ahead of its log, or of another shape is refused', async (t) => {
    const of = named('refused')
    const store = await logOf(sample(10, 10))
    const first = running(t, { store, projections: [of] })
    await caughtUp(first, store, of.name)
    await first.end()
    const before = await rowsIn(schemaOf(of))
    const refusal = async (parts: { store: EventStore; projections: readonly AnyProjection[] }) => {
      const runner = running(t, parts)
      await until(async () => (await runner.status())[0]!.error !== null, 'it refuses')
      const { message } = (await runner.status())[0]!.error!
      await runner.end()
      return message
    }
    const foreign = await logOf(sample(11, 20))
    t.match(await refusal({ store: foreign, projections: [of] }), /filled from another log/)
    const shorter = { ...(await logOf(sample(10, 3))), storeId: () => store.storeId() }
    t.match(await refusal({ store: shorter, projections: [of] }), /read further than this log goes/)
    const { account, message } = tables
    const changed = {
      ...of,
      tables: { account, message, total: { ...tables.total, key: ['day', 'owner'] as const } },
    }
    t.match(await refusal({ store, projections: [changed] }), /Raise the projection's version/)
    t.strictSame(await rowsIn(schemaOf(of)), before)
  })

  t.test('tables that went missing are filled again from the start', async (t) => {
    const of = named('dropped')
    const store = await logOf(sample(12, 40))
    const first = running(t, { store, projections: [of] })
    await caughtUp(first, store, of.name)
    await first.end()
    await pool.query(`drop table ${schemaOf(of)}.total`)
    const second = running(t, { store, projections: [of] })
    await until(async () => (await second.status())[0]!.runningHere, 'it starts again')
    await add(store, Given({ account: 'a', owner: 'b' }))
    await caughtUp(second, store, of.name)
    t.ok((await readModelsEqualRebuild({ store, pool, projections: [of] })).every(({ equal }) => equal))
  })

  t.test('events of other kinds move the checkpoint, in few statements', async (t) => {
    const of = named('idle')
    const store = memoryEventStore()
    let moves = 0
    const counting = failingPool(pool, (query) => {
      if (query.includes('set position = $4')) moves++
      return false
    })
    const runner = running(t, { store, pool: counting, projections: [of] })
    for (let nth = 0; nth < 60; nth++) {
      const { position } = await add(store, Other({}))
      if (!(await runner.waitFor(of.name, position, 5_000))) t.fail('not passed')
    }
    const elsewhere = projectionRunner({ store, pool, log: silent, projections: [of], leases: once(1) })
    await caughtUp(elsewhere, store, of.name)
    t.ok(moves < 30, `${moves} statements`)
  })

  t.test('a restart on an empty log is no reason to refuse', async (t) => {
    const of = named('empty')
    const store = memoryEventStore()
    const first = running(t, { store, projections: [of] })
    await until(async () => (await first.status())[0]!.position !== null, 'the first saves where it stands')
    await first.end()
    const second = running(t, { store, projections: [of] })
    await add(store, Given({ account: 'a', owner: 'b' }))
    await caughtUp(second, store, of.name)
    t.equal((await second.status())[0]!.error, null)
  })

  t.test('a wait ends with its time and with its signal', async (t) => {
    const store = memoryEventStore()
    const runner = projectionRunner({
      store,
      pool,
      log: silent,
      projections: [named('never')],
      leases: once(1),
    })
    t.notOk(await runner.waitFor('never', 'm:00000000000000000009', 10))
    const abort = new AbortController()
    const waiting = runner.waitFor('never', 'm:00000000000000000009', abort.signal)
    abort.abort()
    t.notOk(await waiting)
    await t.rejects(runner.waitFor('unknown', 'm:00000000000000000009', 10), /no projection unknown/)
  })

  t.test('a comparison with a rebuild finds one changed row', async (t) => {
    const of = named('tampered')
    const store = await logOf(sample(13, 200))
    const runner = running(t, { store, projections: [of] })
    await caughtUp(runner, store, of.name)
    await pool.query(
      `update ${schemaOf(of)}.message set size = size + 1 where id = (select min(id) from ${schemaOf(of)}.message)`,
    )
    const compared = await readModelsEqualRebuild({ store, pool, projections: [of] })
    t.same(
      compared.map(({ table, equal }) => [table, equal]),
      [
        ['message', false],
        ['account', true],
        ['total', true],
      ],
    )
    const shadows = await pool.query(`select 1 from pg_namespace where nspname like 'rebuild%'`)
    t.equal(shadows.rowCount, 0, 'the rebuilt tables are gone')
  })
})

const lease = (name: string, generation: number): Lease => ({
  name,
  generation,
  signal: new AbortController().signal,
  release: async () => {},
})

/** One lease of this generation, and none after it. */
const once = (generation: number): Leases => {
  let given = false
  return {
    acquire: async (name) => {
      if (given) return null
      given = true
      return lease(name, generation)
    },
  }
}

const generationOf = async (pool: Pool, of: { name: string }): Promise<number> => {
  const { rows } = await pool.query<{ generation: number }>(
    'select generation from mailtrail.checkpoints where projection = $1',
    [of.name],
  )
  return rows[0]!.generation
}
