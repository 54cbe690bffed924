import t from 'tap'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const { take, keep, letGo, letGoOfAll } = postgresIdempotency(pool)
const [one, other] = [Buffer.from('one request'), Buffer.from('another')]

t.test('a key is for one request: processed by one at a time, then answered as before', async (t) => {
  t.same(await take('a', one), { kind: 'taken' })
  t.same(await take('a', one), { kind: 'running' })
  t.same(await take('a', other), { kind: 'other' })
  await letGo('a')
  t.same(await take('a', one), { kind: 'taken' }, 'what failed may be tried again')
  const answer = { status: 201, headers: { etag: '"0"' }, body: '{"id":1}' }
  await keep('a', answer)
  t.same(await take('a', one), { kind: 'answered', answer })
  t.same(await take('a', other), { kind: 'other' })
})

t.test('a start after a crash releases held keys, and keeps the answers', async (t) => {
  t.same(await take('held', one), { kind: 'taken' })
  await letGoOfAll()
  t.same(await take('held', other), { kind: 'other' }, 'the key still belongs to the same request')
  t.same(await take('held', one), { kind: 'taken' })
  t.match(await take('a', one), { kind: 'answered' })
})

t.test('a request that was killed before the clock was set back holds its key no longer', async (t) => {
  t.same(await take('ahead', one), { kind: 'taken' })
  await pool.query(
    `update mailtrail.idempotency_keys set locked_until = now() + interval '1 hour' where key = 'ahead'`,
  )
  t.same(await take('ahead', one), { kind: 'taken' })
  t.same(await take('ahead', one), { kind: 'running' })
})

t.test(
  'of many who take a key at once exactly one gets it, and the others learn whether the request is the same',
  async (t) => {
    for (const round of [1, 2, 3, 4, 5]) {
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) => take(`raced ${round}`, index % 2 === 0 ? one : other)),
      )
      t.equal(all.filter(({ kind }) => kind === 'taken').length, 1)
      const mine = all.findIndex(({ kind }) => kind === 'taken') % 2
      t.same(
        new Set(all.map(({ kind }, index) => (kind === 'taken' ? kind : `${kind} ${index % 2 === mine}`))),
        new Set(['taken', 'running true', 'other false']),
      )
    }
  },
)

t.test('no step waits for the disk, but later statements on the connection do', async (t) => {
  const careful = createPool({ ...pool.options, max: 1, options: '-c synchronous_commit=on' })
  t.teardown(() => careful.end())
  await careful.query('create table seen (synchronous_commit text)')
  await careful.query(`create function see() returns trigger language plpgsql as
    $$ begin insert into seen values (current_setting('synchronous_commit')); return new; end $$`)
  await careful.query(
    'create trigger see before insert or update on mailtrail.idempotency_keys for each row execute function see()',
  )
  const steps = postgresIdempotency(careful)
  await steps.take('quick', one)
  await steps.letGo('quick')
  await steps.take('quick', one)
  await steps.keep('quick', { status: 200, headers: {}, body: '' })
  const { rows } = await careful.query<{ synchronous_commit: string }>('select * from seen')
  t.ok(rows.length >= 4)
  t.same(new Set(rows.map((row) => row.synchronous_commit)), new Set(['off']))
  t.match((await careful.query('show synchronous_commit')).rows, [{ synchronous_commit: 'on' }])
})
