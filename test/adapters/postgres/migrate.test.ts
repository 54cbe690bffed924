import t from 'tap'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool, isConnectionLoss } from '../../../src/adapters/postgres/pool.ts'
import { testDatabase } from '../../support/test-database.ts'

const database = await testDatabase(t)
const pool = createPool(database)
t.teardown(() => pool.end())

t.test('several processes may migrate an empty database at once, and again', async (t) => {
  const pools = [1, 2, 3, 4].map(() => createPool({ ...database, max: 2 }))
  await Promise.all(pools.map(migrate))
  await Promise.all(pools.map((each) => each.end()))
  const tables = `select table_schema || '.' || table_name as name from information_schema.tables
    where table_schema in ('es', 'mailtrail', 'public') order by 1`
  const { rows } = await pool.query<{ name: string }>(tables)
  const names = rows.map(({ name }) => name)
  for (const name of ['es.events', 'es.store', 'es.streams', 'mailtrail.blobs', 'mailtrail.checkpoints'])
    t.ok(names.includes(name), name)
  t.notOk(
    names.some((name) => name.startsWith('public.')),
    'nothing outside our schemas',
  )
  const applied = (await pool.query('select name, timestamp from mailtrail.migrations')).rows
  await migrate(pool)
  t.same((await pool.query('select name, timestamp from mailtrail.migrations')).rows, applied)
})

t.test('a process may start while another one creates and drops tables of read models', async (t) => {
  const columns = Array.from({ length: 40 }, (_, n) => `c${n} int`).join()
  const other = createPool({ ...database, max: 1 })
  const make = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await other.query(`create schema coming; create table coming.going (${columns})`)
      await other.query('drop schema coming cascade')
    }
  }
  const start = async (times: number) => {
    for (let n = 0; n < times; n++) await migrate(pool)
  }
  await t.resolves(Promise.all([make(60), start(30)]))
  await other.end()
})

t.test('a database migrated by a later version is refused', async (t) => {
  const other = createPool(await testDatabase(t))
  t.teardown(() => other.end())
  await migrate(other)
  await other.query(`insert into mailtrail.migrations values ('9999-later', now()::text)`)
  await t.rejects(migrate(other), {
    name: 'NewerDatabase',
    message: /restore the backup from before the upgrade/,
  })
})

t.test('columns are read as read models declare them', async (t) => {
  const values = {
    whole: [`9007199254740991::bigint`, Number.MAX_SAFE_INTEGER],
    negative: [`-1::bigint`, -1],
    counted: [`count(*)`, 1],
    instant: [`'2026-01-31 12:00:00.123456+00'::timestamptz`, '2026-01-31T12:00:00.123Z'],
    second: [`'2026-01-31 23:59:59-05:30'::timestamptz`, '2026-02-01T05:29:59.000Z'],
    ancient: [`'0099-03-01 00:00:00+00'::timestamptz`, '0099-03-01T00:00:00.000Z'],
    never: [`'infinity'::timestamptz`, 'infinity'],
    day: [`'2026-01-31'::date`, '2026-01-31'],
    jsonb: [`'{"a":[1,null]}'::jsonb`, { a: [1, null] }],
    json: [`'{"a":"\\u0000"}'::json`, { a: '\0' }],
    truth: ['true', true],
    half: ['0.5::double precision', 0.5],
    nothing: ['null::bigint', null],
  } as const
  const select = Object.entries(values).map(([name, [sql]]) => `${sql} as ${name}`)
  const expected = Object.fromEntries(Object.entries(values).map(([name, [, value]]) => [name, value]))
  const client = await pool.connect()
  for (const zone of ['UTC', 'Europe/Vienna', 'Asia/Kolkata', 'America/St_Johns']) {
    await client.query(`set timezone = '${zone}'`)
    t.strictSame((await client.query(`select ${select.join()}`)).rows, [expected], zone)
  }
  client.release()
  await t.rejects(pool.query('select 9007199254740993'), RangeError)
  await t.rejects(pool.query('select 9007199254740993::bigint'), RangeError)
})

t.test('a lost connection never ends the process, and is distinguished from an answer', async (t) => {
  const heard = Promise.withResolvers<Error>()
  const own = createPool({ ...database, max: 2, onError: heard.resolve })
  t.teardown(() => own.end())
  const [busy, idle] = [await own.connect(), await own.connect()]
  idle.release()
  await pool.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
  )
  const error: unknown = await busy.query('select pg_sleep(60)').catch((thrown: unknown) => thrown)
  busy.release(true)
  t.ok(isConnectionLoss(error))
  t.ok(isConnectionLoss(await heard.promise), 'of the idle one the pool tells')
  t.equal((await own.query('select 1 as one')).rows[0].one, 1)
  const refused: unknown = await own.query('select 1/0').catch((thrown: unknown) => thrown)
  t.notOk(isConnectionLoss(refused))
  t.notOk(isConnectionLoss(new TypeError('ours')))
  const absent = createPool({ host: '127.0.0.1', port: 1 })
  t.ok(isConnectionLoss(await absent.query('select 1').catch((thrown: unknown) => thrown)))
  await absent.end()
})
