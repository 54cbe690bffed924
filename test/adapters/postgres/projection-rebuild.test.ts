import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Pool } from 'pg'
import t, { type Test } from 'tap'
import { z } from 'zod'
import { memoryEventStore } from '../../../src/adapters/memory/event-store.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { RebuildStopped } from '../../../src/adapters/postgres/projection-fill.ts'
import { rebuildReadModels } from '../../../src/adapters/postgres/projection-rebuild.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projection-runner.ts'
import { ReadModelBusy } from '../../../src/adapters/postgres/projection-shadow.ts'
import { createTables } from '../../../src/adapters/postgres/projection-tables.ts'
import { transaction } from '../../../src/adapters/postgres/transaction.ts'
import { verifyReadModels } from '../../../src/adapters/postgres/projection-verify.ts'
import { projections as productModels } from '../../../src/app/read-models.ts'
import type { EventStore } from '../../../src/commands/ports.ts'
import { defineEvent, type DomainEvent, type Json, type RecordedEvent } from '../../../src/domain/event.ts'
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
} from '../../../src/projections/projection.ts'
import { recordedEvents } from '../../support/fold.ts'
import { testDatabase } from '../../support/postgres.ts'
import { at } from '../../support/sending.ts'
import { sentMessage } from '../../support/sent-message.ts'
import { connected, synced } from '../../support/sync.ts'

const Counted = defineEvent('TestCounted', z.object({ key: z.string(), by: z.number() }))

const tables = {
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
const counter = projection({
  name: 'counter',
  version: 1,
  tables,
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

const add = async (store: EventStore, event: DomainEvent) => {
  const [{ metadata }] = recordedEvents([event]) as [RecordedEvent]
  const stream = `test-${randomUUID()}`
  return store.append({
    stream,
    expected: 'no_stream',
    events: [{ ...event, id: randomUUID(), metadata }],
  })
}

const KEYS = ['a', 'b', 'B', 'ü', '\u{1F600}', '\uFFFD', 'long key', 'NULL', '"{\\,}"', '10', '9']

const logOf = async (events: number): Promise<EventStore> => {
  const store = memoryEventStore()
  for (let n = 0; n < events; n++) await add(store, Counted({ key: KEYS[n % KEYS.length]!, by: 1 + (n % 3) }))
  return store
}

const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

t.test('read models made anew', async (t) => {
  const config = await testDatabase(t)
  const pool = createPool({ ...config, max: 30 })
  t.teardown(() => pool.end())
  await migrate(pool)

  const named = (name: string, change: Partial<typeof counter> = {}): typeof counter => ({
    ...counter,
    name,
    ...change,
  })
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
        if (!(await runner.waitFor(name, (await store.head())!, 20_000))) throw new Error('Not caught up')
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
  const indexesOf = async (schema: string) => {
    const { rows } = await pool.query<{ definition: string }>(
      `select indexdef as definition from pg_indexes where schemaname = $1 order by indexname`,
      [schema],
    )
    return rows.map(({ definition }) => definition.replaceAll(schema, 'x'))
  }

  t.test(
    'while a runner writes and queries read, rebuilds cost no error, no empty answer and no count',
    async (t) => {
      const of = named('busy')
      const store = await logOf(300)
      const { errors, caughtUp } = running(t, store, [of])
      await caughtUp()
      const end = new AbortController()
      let expected = 0
      for (const { data } of (await store.readAll({ after: null, limit: 1_000 })).events)
        expected += (data as { by: number }).by
      const appending = (async () => {
        for (let n = 0; !end.signal.aborted; n++) {
          await add(store, Counted({ key: KEYS[n % KEYS.length]!, by: 1 }))
          expected++
          // The log in memory never waits for anything: others must come to their turn.
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      })()
      let answers = 0
      const wrong: string[] = []
      const schema = schemaOf(of)
      const sums = `select (select sum(n)::bigint from ${schema}.count) as counts, (select n from ${schema}.total) as total,
      (select sum(n)::bigint from ${schema}.pair) as pairs`
      const reading = async (name: string | undefined) => {
        const client = await pool.connect()
        let last = 0
        try {
          while (!end.signal.aborted) {
            const { rows } = await client.query<Record<string, number | null>>({
              text: sums,
              ...(name ? { name } : {}),
            })
            answers++
            const { counts, total, pairs } = rows[0]!
            if (!total || counts !== total || pairs !== total || total < last)
              wrong.push(`${counts} ${total} ${pairs} after ${last}`)
            last = total ?? last
          }
        } catch (error) {
          wrong.push(String(error))
        } finally {
          client.release()
        }
      }
      const readers = [reading('one'), reading('two'), reading(undefined), reading(undefined)]
      const rebuilds = 4
      for (let n = 0; n < rebuilds; n++) {
        const [rebuilt] = await rebuildReadModels({ store, pool }, [of])
        t.equal(rebuilt!.left, null)
      }
      t.ok(await isEqual(store, of), 'verified while all goes on')
      end.abort()
      await Promise.all([appending, ...readers])
      await caughtUp()
      t.same(wrong.slice(0, 5), [])
      t.same(errors, [])
      t.ok(answers > 200, `${answers} answers`)
      t.equal(await totalOf(of), expected)
      t.ok(await isEqual(store, of))
      t.same(await shadowsOf(of), [])
    },
  )

  t.test(
    'what replaces the tables has their indexes, outlives a crash, and is known to the planner',
    async (t) => {
      const of = named('whole')
      const store = await logOf(60)
      await made(t, store, of)
      const indexes = await indexesOf(schemaOf(of))
      await rebuildReadModels({ store, pool }, [of])
      t.same(await indexesOf(schemaOf(of)), indexes)
      t.equal(indexes.length, 5)
      const { rows } = await pool.query<{ relpersistence: string; reltuples: number }>(
        `select relpersistence, reltuples from pg_class where relnamespace = $1::regnamespace and relkind = 'r'`,
        [schemaOf(of)],
      )
      t.ok(rows.every(({ relpersistence, reltuples }) => relpersistence === 'p' && reltuples > 0))
    },
  )

  t.test(
    'a version that has not run yet is filled to the head, and its runner goes on from there',
    async (t) => {
      for (const prepared of [false, true]) {
        let folded = 0
        const of = named(`new-${prepared}`, {
          version: 2,
          fold: (event, rows) => {
            folded++
            counter.fold(event, rows)
          },
        })
        const store = await logOf(100)
        // As a service that has just started, and has asked for nothing yet, leaves it.
        if (prepared)
          await transaction(pool, 'begin', async (client) => {
            await createTables(client, schemaOf(of), of.tables)
            await client.query(
              `insert into mailtrail.checkpoints (projection, version, store_id) values ($1, 2, $2)`,
              [of.name, await store.storeId()],
            )
          })
        const [rebuilt] = await rebuildReadModels({ store, pool }, [of])
        t.equal(rebuilt!.position, await store.head())
        t.ok(await isEqual(store, of))
        folded = 0
        await add(store, Counted({ key: 'last', by: 1 }))
        await made(t, store, of)
        t.ok(folded > 0 && folded <= 4, `the runner folded ${folded} times, for one event`)
        t.ok(await isEqual(store, of))
      }
    },
  )

  t.test('the checkpoint of a read model that lags stays where it is', async (t) => {
    const of = named('behind')
    const store = await logOf(30)
    await made(t, store, of)
    const before = await totalOf(of)
    for (let n = 0; n < 10; n++) await add(store, Counted({ key: 'more', by: 1 }))
    await rebuildReadModels({ store, pool }, [of])
    t.equal(await totalOf(of), before)
    await made(t, store, of)
    t.equal(await totalOf(of), before! + 10)
    t.ok(await isEqual(store, of))
  })

  t.test('of two rebuilds at once the second is refused, and so is a comparison', async (t) => {
    const of = named('once')
    const store = await logOf(50)
    await made(t, store, of)
    const { slow, reached, goOn } = held(store)
    const first = rebuildReadModels({ store: slow, pool }, [of])
    await reached
    await t.rejects(rebuildReadModels({ store, pool }, [of]), ReadModelBusy)
    await t.rejects(verifyReadModels({ store, pool }, [of]), ReadModelBusy)
    goOn()
    t.equal((await first)[0]!.stopped, null)
    t.ok(await isEqual(store, of))
  })

  t.test(
    'a rebuild that is stopped, or loses its database, leaves all as it was, and the next begins cleanly',
    async (t) => {
      const of = named('cut')
      const store = await logOf(50)
      await made(t, store, of)
      const oid = await oidOf(pool, of)
      const before = await totalOf(of)
      const stop = new AbortController()
      const cut = held(store)
      const stopped = rebuildReadModels({ store: cut.slow, pool, signal: stop.signal }, [of])
      await cut.reached
      stop.abort()
      cut.goOn()
      await t.rejects(stopped, { name: 'AbortError' })
      t.same(await shadowsOf(of), [], 'what was filled is gone')

      const own = createPool({ ...config, max: 10, application_name: 'killed' })
      const killed = held(store)
      const dying = rebuildReadModels({ store: killed.slow, pool: own }, [of])
      await killed.reached
      await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'killed'`,
      )
      killed.goOn()
      await t.rejects(dying)
      await own.end()
      t.equal((await shadowsOf(of)).length, 1, 'what was filled is left, as nobody could drop it')
      t.equal(await oidOf(pool, of), oid)
      t.equal(await totalOf(of), before)

      await rebuildReadModels({ store, pool }, [of])
      t.same(await shadowsOf(of), [])
      t.ok(await isEqual(store, of))
    },
  )

  t.test(
    'an event that cannot be folded ends the rebuild of that read model alone, and is named',
    async (t) => {
      let broken = false
      const fold: typeof counter.fold = (event, rows) => {
        if (broken && event.data.key === 'poison') throw new Error(`no ${event.data.key}`)
        counter.fold(event, rows)
      }
      const of = named('poisoned', { fold })
      const long = Array.from({ length: 400 }, () => randomUUID()).join('')
      const refused = named('refused', {
        fold: (event, rows) =>
          rows.put('count', {
            ...emptyCount,
            key: broken && event.data.key === 'poison' ? long : event.data.key,
          }),
      })
      const other = named('other')
      const store = await logOf(40)
      const { position } = await add(store, Counted({ key: 'poison', by: 1 }))
      for (let n = 0; n < 40; n++) await add(store, Counted({ key: 'a', by: 1 }))
      for (const each of [of, refused, other]) await made(t, store, each)
      const oids = [await oidOf(pool, of), await oidOf(pool, refused)]
      const otherOid = await oidOf(pool, other)
      broken = true
      const rebuilt = await rebuildReadModels({ store, pool }, [of, refused, other])
      for (const { stopped } of rebuilt.slice(0, 2)) {
        t.ok(stopped instanceof RebuildStopped)
        t.equal(stopped!.event.position, position)
        t.match(stopped!.message, stopped!.event.id)
        t.match(stopped!.message, position)
        t.match(stopped!.message, 'TestCounted')
        t.notMatch(stopped!.message, 'no poison', 'and says nothing of its data')
      }
      t.equal(rebuilt[2]!.stopped, null)
      t.same([await oidOf(pool, of), await oidOf(pool, refused)], oids)
      t.not(await oidOf(pool, other), otherOid)
      const [verified] = await verifyReadModels({ store, pool }, [of])
      t.equal(verified!.stopped!.event.position, position)
      broken = false
      t.ok(await isEqual(store, of))
      for (const each of [of, refused, other]) t.same(await shadowsOf(each), [])
    },
  )

  t.test('what is parked is told, and taken in by a rebuild; what was skipped stays out', async (t) => {
    const of = named('parked')
    const store = await logOf(20)
    await made(t, store, of)
    const [first, second] = (await store.readAll({ after: null, limit: 2 })).events
    const { rows } = await pool.query<{ n: number }>(`select n from ${schemaOf(of)}.total`)
    await pool.query(`update ${schemaOf(of)}.total set n = n - 2`)
    await pool.query(
      `insert into mailtrail.parked_events (projection, version, stream, position, revision, event_id, type, error, attempts)
       values ($1, 1, $2, $3, 0, $4, 'TestCounted', 'once', 1)`,
      [of.name, second!.stream, second!.position, second!.id],
    )
    const [verified] = await verifyReadModels({ store, pool }, [of])
    t.same(verified!.parked, { events: 1, streams: 1 })
    t.notOk(verified!.tables.every(({ equal }) => equal))
    await rebuildReadModels({ store, pool }, [of])
    t.equal(await totalOf(of), rows[0]!.n)
    t.equal((await verifyReadModels({ store, pool }, [of]))[0]!.parked, null)

    await pool.query(
      `insert into mailtrail.skipped_events (projection, version, stream, position, revision, event_id, type, error, attempts,
         parked_at, skipped_by, reason, command_id)
       values ($1, 1, $2, $3, 0, $4, 'TestCounted', 'once', 1, now(), 'ann', 'test', 'one')`,
      [of.name, first!.stream, first!.position, first!.id],
    )
    await rebuildReadModels({ store, pool }, [of])
    t.equal(await totalOf(of), rows[0]!.n - (first!.data as { by: number }).by)
    const [after] = await verifyReadModels({ store, pool }, [of])
    t.equal(after!.skipped, 1)
    t.ok(after!.tables.every(({ equal }) => equal))
  })

  t.test(
    'who reads the old tables in a long transaction reads on, and they are dropped behind it',
    async (t) => {
      const of = named('reader')
      const store = await logOf(50)
      await made(t, store, of)
      const client = await pool.connect()
      await client.query('begin')
      const before = await client.query<{ n: number }>(`select n from ${schemaOf(of)}.total`)
      const rebuilding = rebuildReadModels({ store, pool }, [of])
      await until(async () => (await shadowsOf(of)).includes(`${schemaOf(of)}__old`), 'the switch')
      const after = await client.query<{ n: number }>(`select n from ${schemaOf(of)}.total`)
      t.same(after.rows, before.rows)
      await client.query('commit')
      client.release()
      t.equal((await rebuilding)[0]!.left, null)
      t.same(await shadowsOf(of), [])
    },
  )

  t.test('a read model of another log, of another shape, or ahead of its log is refused', async (t) => {
    const of = named('foreign')
    const store = await logOf(30)
    await made(t, store, of)
    await t.rejects(rebuildReadModels({ store: await logOf(40), pool }, [of]), /another log/)
    const shorter = { ...(await logOf(3)), storeId: () => store.storeId() }
    await t.rejects(rebuildReadModels({ store: shorter, pool }, [of]), /further than this log goes/)
    const { count, total } = tables
    const changed = { ...of, tables: { count, total } }
    await pool.query(`alter schema ${schemaOf(of)} rename to kept`)
    await transaction(pool, 'begin', (client) => createTables(client, schemaOf(of), changed.tables))
    await t.rejects(
      rebuildReadModels({ store, pool }, [
        { ...of, tables: { total, count: { ...count, key: ['key', 'n'] as const } } },
      ]),
      /Raise the projection's version/,
    )
  })

  const changes = Number(process.env['MAILTRAIL_CHANGES'] ?? 10)
  /** Changes the rows that random events left in these tables, one by one, and looks what the comparison makes of it. */
  const tamper = async (t: Test, store: EventStore, projections: readonly AnyProjection[]) => {
    const places: { of: AnyProjection; name: string }[] = []
    for (const of of projections)
      for (const name of Object.keys(of.tables)) {
        const { rows } = await pool.query<{ n: number }>(
          `select count(*)::int as n from ${schemaOf(of)}.${name}`,
        )
        if (rows[0]!.n > 0) places.push({ of, name })
      }
    let found = 0
    const change = fc.record({
      place: fc.constantFrom(...places),
      kind: fc.constantFrom('update', 'delete', 'insert'),
      row: fc.nat(),
      column: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ place: { of, name }, kind: wanted, row, column }) => {
        const { columns, key } = of.tables[name]!
        const others = Object.keys(columns).filter((each) => !key.includes(each))
        const kind = others.length === 0 && wanted === 'update' ? 'delete' : wanted
        const kept = `${schemaOf(of)}.${name}`
        await pool.query(`create table public.kept as table ${kept}`)
        const { rows } = await pool.query<{ ctid: string }>(`select ctid::text from ${kept} order by ctid`)
        const { ctid } = rows[row % rows.length]!
        const changed = others[column % others.length] ?? ''
        const other = (each: string) => OTHER[columns[each]!.sql]!(`"${each}"`)
        if (kind === 'update')
          await pool.query(`update ${kept} set "${changed}" = ${other(changed)} where ctid = $1`, [ctid])
        else if (kind === 'delete') await pool.query(`delete from ${kept} where ctid = $1`, [ctid])
        else {
          const values = Object.keys(columns).map((each) => (key.includes(each) ? other(each) : `"${each}"`))
          await pool.query(`insert into ${kept} select ${values.join(', ')} from ${kept} where ctid = $1`, [
            ctid,
          ])
        }
        const [verified] = await verifyReadModels({ store, pool }, [of])
        const differences = verified!.tables.flatMap((each) =>
          each.first.map((difference) => ({ table: each.table, ...difference })),
        )
        await pool.query(`truncate ${kept}; insert into ${kept} table public.kept; drop table public.kept`)
        const expected = { update: 'changed', delete: 'missing', insert: 'surplus' }[kind]
        const [one] = differences
        if (differences.length !== 1 || one!.table !== name || one!.kind !== expected)
          throw new Error(`${kind} in ${kept}: ${JSON.stringify(differences)}`)
        if (kind === 'update' && one!.columns.join() !== changed)
          throw new Error(`${one!.columns.join()} instead of ${changed}`)
        found++
      }),
      { numRuns: changes, seed: 1, endOnFailure: true },
    )
    t.comment(`${found} of ${changes} found, in ${places.length} tables`)
    t.equal(found, changes)
    for (const of of projections)
      t.ok(await isEqual(store, of), `${of.name}: nothing where nothing was changed`)
  }

  t.test(`each of ${changes} random changes by hand of any column type is found`, async (t) => {
    const of = named('tampered')
    const store = await logOf(200)
    await made(t, store, of)
    await tamper(t, store, [of])
  })

  t.test(`each of ${changes} random changes by hand of the product's read models is found`, async (t) => {
    const store = memoryEventStore()
    await add(store, connected())
    for (let n = 1; n <= 12; n++) {
      const message = sentMessage(n)
      const [sent, opened] = [message.sent(at(n)), message.open(at(100 + n))]
      for (const event of [
        message.queued,
        message.releasing(at(n)),
        sent,
        opened,
        message.click(at(200 + n)),
      ])
        await add(store, event)
      await add(store, synced(n))
    }
    await rebuildReadModels({ store, pool }, productModels)
    await tamper(t, store, productModels)
  })

  t.test('of many differences the first are told, and all counted', async (t) => {
    const of = named('many')
    const store = await logOf(0)
    for (let n = 0; n < 1_200; n++) await add(store, Counted({ key: `key ${n}`, by: 1 }))
    await made(t, store, of)
    await pool.query(`delete from ${schemaOf(of)}.count where n = 1 and key < 'key 5'`)
    await pool.query(`update ${schemaOf(of)}.pair set n = 7`)
    const [verified] = await verifyReadModels({ store, pool, keep: 3 }, [of])
    const [count, total, pair] = verified!.tables
    const { missing, liveRows, rebuiltRows, first } = count!
    t.ok(missing > 400)
    t.same([liveRows, rebuiltRows, first.length], [1_200 - missing, 1_200, 3])
    t.ok(total!.equal)
    t.match(pair, { changed: 1_200, missing: 0, surplus: 0 })
    t.same(pair!.first[0], {
      kind: 'changed',
      key: { size: '5', key: 'key 0' },
      columns: ['n'],
      values: [{ live: '7', rebuilt: '1' }],
    })
  })
})

const emptyCount = {
  n: 0,
  share: 0,
  odd: false,
  at: '2026-01-01T00:00:00.000Z',
  day: '2026-01-01',
  note: null,
  seen: null,
}

/** Another value than the one of this column, as small a difference as the type has. */
const OTHER: Readonly<Record<string, (column: string) => string>> = {
  text: (column) => `coalesce(${column} || ' ', 'x')`,
  integer: (column) => `coalesce(${column}, 0) + 1000`,
  bigint: (column) => `coalesce(${column}, 0) + 1`,
  'double precision': (column) => `${column} + 1e-15 * greatest(abs(${column}), 1)`,
  boolean: (column) => `coalesce(not ${column}, true)`,
  timestamptz: (column) => `coalesce(${column}, '2026-01-01') + interval '1 microsecond'`,
  date: (column) => `coalesce(${column}, '2026-01-01') + 1`,
  jsonb: (column) => `jsonb_build_array(${column})`,
}

/** A log that waits at the first page that is asked for with a filter, until it is let go. */
const held = (store: EventStore) => {
  const reached = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const slow: EventStore = {
    ...store,
    readAll: async (options) => {
      if (options.filter) {
        reached.resolve()
        await free.promise
      }
      return store.readAll(options)
    },
  }
  return { slow, reached: reached.promise, goOn: () => free.resolve() }
}

const oidOf = async (pool: Pool, of: AnyProjection): Promise<number> => {
  const { rows } = await pool.query<{ oid: number }>(`select oid from pg_namespace where nspname = $1`, [
    schemaOf(of),
  ])
  return rows[0]!.oid
}
