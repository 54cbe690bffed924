import t from 'tap'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { testDatabase } from '../../support/postgres.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const { take, keep, letGo, letGoOfAll } = postgresIdempotency(pool)
const [one, other] = [Buffer.from('one request'), Buffer.from('another')]

t.test('a key is for one request: worked on by one at a time, then answered as before', async (t) => {
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

t.test('a start after a crash lets go of what was held, and of no answer', async (t) => {
  t.same(await take('held', one), { kind: 'taken' })
  await letGoOfAll()
  t.same(await take('held', other), { kind: 'other' }, 'the key is for the same request still')
  t.same(await take('held', one), { kind: 'taken' })
  t.match(await take('a', one), { kind: 'answered' })
})
