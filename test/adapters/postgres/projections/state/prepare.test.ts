import t from 'tap'
import { isEverybodys } from '../../../../../src/adapters/linking/free-mail.ts'
import { memoryEventStore } from '../../../../support/memory-event-store.ts'
import { postgresLeases } from '../../../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import {
  prepareReadModels,
  requireReadModels,
} from '../../../../../src/adapters/postgres/projections/state/prepare.ts'
import { projectionRunner } from '../../../../../src/adapters/postgres/projections/run/runner.ts'
import { putEntry } from '../../../../../src/commands/directory/put-entry.ts'
import { handler, systemCaller } from '../../../../../src/commands/handle.ts'
import { directory } from '../../../../../src/projections/directory/entries.ts'
import { schemaOf } from '../../../../../src/projections/projection.ts'
import { testDatabase } from '../../../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const schema = schemaOf(directory)

t.test('tables that somebody dropped are filled again, from the start of the log', async (t) => {
  const store = memoryEventStore()
  const clock = () => new Date()
  const put = putEntry({ handle: handler(store, clock), isEverybodys })
  for (const id of ['ann', 'bob'])
    await put(systemCaller('test', clock, id), {
      kind: 'contact',
      id,
      value: { firstName: id, emails: [] },
    })
  const started = () => {
    const stop = new AbortController()
    const leases = postgresLeases(pool, { owner: 'test' })
    const log = { info: () => {}, error: () => {} }
    const runner = projectionRunner({ store, pool, leases, projections: [directory], log })
    const running = runner.start(stop.signal)
    const end = async () => {
      stop.abort()
      await running
    }
    return { ...runner, end }
  }
  const rowsNow = async (): Promise<unknown[]> =>
    (await pool.query(`select kind, id from ${schema}.entry order by id`)).rows
  const rowsOnceRun = async (): Promise<unknown[]> => {
    const runner = started()
    await runner.waitFor(directory.name, (await store.head())!, 120_000)
    await runner.end()
    return rowsNow()
  }
  await t.rejects(requireReadModels(pool, [directory]), /no tables/)
  await prepareReadModels(pool, [directory])
  await requireReadModels(pool, [directory])
  const rows = await rowsOnceRun()
  t.equal(rows.length, 2)
  await pool.query(`drop schema ${schema} cascade`)
  await prepareReadModels(pool, [directory])
  t.same((await pool.query(`select * from ${schema}.entry`)).rows, [])
  t.same(await rowsOnceRun(), rows)

  const idle = started()
  t.teardown(idle.end)
  await idle.waitFor(directory.name, (await store.head())!, 120_000)
  const filledAnew = async (what: string) => {
    for (const deadline = Date.now() + 120_000; (await rowsNow()).length < 2;)
      if (Date.now() > deadline) throw new Error(`Not filled anew: ${what}`)
    t.ok(await idle.waitFor(directory.name, (await store.head())!, 120_000))
    t.same(await rowsNow(), rows, what)
  }
  await pool.query('delete from mailtrail.checkpoints')
  await pool.query(`truncate ${schema}.entry`)
  await filledAnew('after a person deleted the checkpoint')
  await pool.query(`drop schema ${schema} cascade`)
  await prepareReadModels(pool, [directory])
  await filledAnew('by a runner that gets no events')
})
