import { randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import t from 'tap'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import { createTables } from '../../../../../src/adapters/postgres/projections/fold/tables.ts'
import { RebuildStopped } from '../../../../../src/adapters/postgres/projections/rebuild/fill.ts'
import { rebuildReadModels } from '../../../../../src/adapters/postgres/projections/rebuild/rebuild.ts'
import { ReadModelBusy } from '../../../../../src/adapters/postgres/projections/rebuild/session.ts'
import { verifyReadModels } from '../../../../../src/adapters/postgres/projections/rebuild/verify.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import type { RecordedEvent } from '../../../../../src/domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../../src/projections/projection.ts'
import { transaction } from '../../../../../src/std/transaction.ts'
import {
  add,
  counter,
  countingSite,
  countTables,
  Counted,
  logOf,
  named,
} from '../../../../support/counting-read-model.ts'

t.test('what prevents a rebuild', async (t) => {
  const { config, pool, made, isEqual, shadowsOf, totalOf } = await countingSite(t)

  t.test('of two concurrent rebuilds the second is refused, and so is a comparison', async (t) => {
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
    'a rebuild that is stopped, or loses its database, changes nothing, and the next one starts cleanly',
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
      t.equal(
        (await shadowsOf(of)).length,
        1,
        'the filled tables are left over, because nobody could drop them',
      )
      t.equal(await oidOf(pool, of), oid)
      t.equal(await totalOf(of), before)

      await rebuildReadModels({ store, pool }, [of])
      t.same(await shadowsOf(of), [])
      t.ok(await isEqual(store, of))
    },
  )

  t.test(
    'an event that cannot be folded ends the rebuild of that read model only, and is named',
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

  t.test('parked events are reported, and taken in by a rebuild; skipped ones stay out', async (t) => {
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

    await skip(pool, of, first!)
    await rebuildReadModels({ store, pool }, [of])
    t.equal(await totalOf(of), rows[0]!.n - (first!.data as { by: number }).by)
    const [after] = await verifyReadModels({ store, pool }, [of])
    t.equal(after!.skipped, 1)
    t.ok(after!.tables.every(({ equal }) => equal))
  })

  t.test('an event that is skipped during a rebuild stays out of its result', async (t) => {
    const of = named('skipped-meanwhile')
    const store = await logOf(20)
    await made(t, store, of)
    const before = await totalOf(of)
    const [first] = (await store.readAll({ after: null, limit: 1 })).events
    const { slow, reached, goOn } = held(store)
    const rebuilding = rebuildReadModels({ store: slow, pool }, [of])
    await reached
    await skip(pool, of, first!)
    goOn()
    const [rebuilt] = await rebuilding
    t.equal(rebuilt!.stopped, null)
    t.equal(await totalOf(of), before! - (first!.data as { by: number }).by)
    t.ok(await isEqual(store, of))
    t.same(await shadowsOf(of), [])
  })

  t.test(
    'while tables that a rebuild replaced are being read, a comparison works, and a rebuild is refused',
    async (t) => {
      const of = named('still-read')
      const store = await logOf(20)
      await made(t, store, of)
      const old = `${schemaOf(of)}__old`
      await transaction(pool, 'begin', (client) => createTables(client, old, of.tables))
      const reader = await pool.connect()
      await reader.query('begin')
      await reader.query(`select from ${old}.total`)
      t.ok(await isEqual(store, of))
      await t.rejects(rebuildReadModels({ store, pool }, [of]), { name: 'ReadModelBusy', message: old })
      await reader.query('commit')
      reader.release()
      await rebuildReadModels({ store, pool }, [of])
      t.same(await shadowsOf(of), [])
    },
  )

  t.test('a read model of another log, of another shape, or ahead of its log is refused', async (t) => {
    const of = named('foreign')
    const store = await logOf(30)
    await made(t, store, of)
    await t.rejects(
      rebuildReadModels({ store: await logOf(40), pool }, [of]),
      /another log.* delete the projection's row/,
    )
    const shorter = { ...(await logOf(3)), storeId: () => store.storeId() }
    await t.rejects(
      rebuildReadModels({ store: shorter, pool }, [of]),
      /is ahead of this log.* delete the projection's row/,
    )
    const { count, total } = countTables
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

/** A log that blocks the first filtered read until it is released. */
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

const skip = (pool: Pool, of: AnyProjection, { id, stream, position }: RecordedEvent) =>
  pool.query(
    `insert into mailtrail.skipped_events (projection, version, stream, position, revision, event_id, type, error, attempts,
       parked_at, skipped_by, reason, command_id)
     values ($1, 1, $2, $3, 0, $4, 'TestCounted', 'once', 1, now(), 'ann', 'test', $1)`,
    [of.name, stream, position, id],
  )

const oidOf = async (pool: Pool, of: AnyProjection): Promise<number> => {
  const { rows } = await pool.query<{ oid: number }>(`select oid from pg_namespace where nspname = $1`, [
    schemaOf(of),
  ])
  return rows[0]!.oid
}
