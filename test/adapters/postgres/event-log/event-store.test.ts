import t, { type Test } from 'tap'
import { postgresEventStore } from '../../../../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../src/adapters/postgres/pool.ts'
import { ForeignPosition } from '../../../../src/commands/ports/event-log.ts'
import type { Position } from '../../../../src/domain/event.ts'
import { eventStoreContract } from '../../../contracts/event-store.ts'
import { anEvent, appendAll, aStream, pagesFrom, readFrom, someEvents } from '../../../support/log-events.ts'
import { testDatabase } from '../../../support/test-database.ts'

const database = await testDatabase(t)
const pool = createPool(database)
t.teardown(() => pool.end())
await migrate(pool)
const store = postgresEventStore(pool)
t.teardown(() => store.close())

const assertDense = async (test: Test): Promise<void> => {
  const { rows } = await pool.query('select count(*), max(position), min(position) from es.events')
  test.equal(rows[0].max, rows[0].count, 'positions are 1 to N without gaps')
  test.equal(rows[0].min, 1)
}

eventStoreContract(t, 'the PostgreSQL adapter', async () => postgresEventStore(pool))

t.test('concurrent appends share few transactions, each within its limits', async (t) => {
  const appends = (count: number, make: () => unknown) =>
    Promise.all(Array.from({ length: count }, () => appendAll(store, aStream(), [anEvent(make())])))
  const sizes = async (after: Position | null): Promise<number[]> => {
    const sql = `select count(*) from es.events where position > $1 group by xmin::text`
    const { rows } = await pool.query<{ count: number }>(sql, [Number(after?.slice(2) ?? 0)])
    return rows.map(({ count }) => count)
  }
  const small = await store.head()
  await appends(1200, () => ({}))
  const transactions = await sizes(small)
  t.ok(transactions.length < 12, `${transactions.length} transactions`)
  t.ok(Math.max(...transactions) <= 512)
  const big = await store.head()
  await appends(9, () => 'x'.repeat(400_000))
  t.equal(Math.max(...(await sizes(big))), 2)
  await appends(1, () => 'x'.repeat(990_000))

  const stream = aStream()
  const inOrder = [0, 1, 2, 3, 4].map((n) =>
    store.append({ stream, expected: n === 0 ? 'no_stream' : n - 1, events: [anEvent()] }),
  )
  t.same(
    (await Promise.all(inOrder)).map(({ revision }) => revision),
    [0, 1, 2, 3, 4],
  )
})

t.test('a page with a filter skips thousands of positions', async (t) => {
  const after = await store.head()
  await appendAll(store, aStream(), ...Array.from({ length: 40 }, () => someEvents(500)))
  await appendAll(store, aStream('rare'), [anEvent({}, 'Rare')])
  for (const filter of [{ types: ['Rare'] }, { streamPrefix: 'rare-' }]) {
    const pages = await pagesFrom(store, after, 10, filter)
    t.same(
      pages.map(({ events }) => events.length),
      [0, 1],
    )
  }
})

t.test('the log is append-only: update, delete and truncate are refused', async (t) => {
  await appendAll(store, aStream(), [anEvent()])
  for (const sql of [
    ...['events', 'store', 'streams'].flatMap((table) => [
      `delete from es.${table}`,
      `delete from es.${table} where false`,
      `truncate es.${table} cascade`,
    ]),
    `update es.events set data = '{}' where position = 1`,
    `update es.events set recorded_at = now() where false`,
    `update es.store set id = gen_random_uuid()`,
    `insert into es.events select * from es.events on conflict (position) do update set type = 'x'`,
  ])
    await t.rejects(pool.query(sql), { code: '42501', message: /append-only/ }, sql)
  await t.rejects(
    pool.query('insert into es.store (only_row) values (true)'),
    { code: '23505' },
    'one identity',
  )
  await assertDense(t)
})

t.test('appends are refused if their snapshot could be older than their lock', async (t) => {
  const client = await pool.connect()
  await client.query('begin isolation level repeatable read')
  await t.rejects(
    client.query(`select * from es.append('{s}', '{-1}', '{}', '{}', '{}', '{}', '{}')`),
    /READ COMMITTED/,
  )
  await client.query('rollback')
  client.release()
})

t.test('a position of another log is refused', async (t) => {
  for (const after of ['m:00000000000000000001', 'p:1', '', 'p:0000000000000000000x'] as Position[])
    await t.rejects(store.readAll({ after, limit: 1 }), ForeignPosition)
})

t.test('recorded times never decrease, even if the clock does', async (t) => {
  // As written by a server whose clock was an hour ahead.
  await pool.query(`
    with head as (select max(position) + 1 as next from es.events),
    stream as (insert into es.streams select next, 'ahead', 0 from head)
    insert into es.events
    select next, next, 0, gen_random_uuid(), date_trunc('milliseconds', now()) + interval '1 hour', 'T', '{}', '{}' from head`)
  const [ahead] = await store.readStream('ahead')
  await appendAll(store, aStream(), [anEvent()], someEvents(3))
  const later = await readFrom(store, ahead!.position)
  t.equal(later.length, 4)
  t.ok(later.every(({ recordedAt }) => recordedAt === ahead?.recordedAt))
  await assertDense(t)
})
