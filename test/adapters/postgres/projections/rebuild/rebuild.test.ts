import t from 'tap'
import { rebuildReadModels } from '../../../../../src/adapters/postgres/projections/rebuild/rebuild.ts'
import { createTables } from '../../../../../src/adapters/postgres/projections/fold/tables.ts'
import { transaction } from '../../../../../src/std/transaction.ts'
import { schemaOf } from '../../../../../src/projections/projection.ts'
import {
  add,
  counter,
  countingSite,
  Counted,
  KEYS,
  logOf,
  named,
  until,
} from '../../../../support/counting-read-model.ts'
import { runs } from '../../../../support/long-runs.ts'

t.test('read models made anew', async (t) => {
  const { pool, running, made, isEqual, shadowsOf, totalOf } = await countingSite(t)

  const indexesOf = async (schema: string) => {
    const { rows } = await pool.query<{ definition: string }>(
      `select indexdef as definition from pg_indexes where schemaname = $1 order by indexname`,
      [schema],
    )
    return rows.map(({ definition }) => definition.replaceAll(schema, 'x'))
  }

  t.test(
    'while a runner writes and queries read, rebuilds cause no error, no empty answer and no wrong count',
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
          // The in-memory log never waits: let others have their turn.
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
      const rebuilds = runs(4, 8)
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

  t.test('the new tables have their indexes and statistics, and survive a crash', async (t) => {
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
  })

  t.test(
    'a version that has not run yet is filled to the head, and its runner continues from there',
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
        // The state left by a service that has just started and run nothing yet.
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

  t.test('the checkpoint of a read model that lags stays unchanged', async (t) => {
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

  t.test('a long transaction can keep reading the old tables, which are dropped afterwards', async (t) => {
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
  })
})
