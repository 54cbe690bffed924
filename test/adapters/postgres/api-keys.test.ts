import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { newApiKey } from '../../../src/http/server/api-key-token.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const here = postgresApiKeys(pool)
const elsewhere = postgresApiKeys(pool)
const makeKey = async () => {
  const { id, hash } = newApiKey()
  await here.insert({ id, name: 'test', scopes: ['*'], userId: null, expiresAt: null }, hash)
  return { id, hash }
}

t.test(
  'a revoked key is refused at once by the process that revoked it, and within a second by others',
  async (t) => {
    const { id, hash } = await makeKey()
    t.match(await here.find(id, hash), { id, scopes: ['*'] })
    t.match(await elsewhere.find(id, hash), { id })
    t.ok(await here.revoke(id))
    const revokedAt = performance.now()
    t.equal(await here.find(id, hash), null)
    await until(
      'the other process refuses it',
      () => elsewhere.find(id, hash),
      (found) => found === null,
      5000,
    )
    t.ok(performance.now() - revokedAt < 2000)
  },
)

t.test('a key is looked up at most once a second, whatever the number of requests', async (t) => {
  const { id, hash } = await makeKey()
  const scopes = async () => (await here.find(id, hash))?.scopes
  await scopes()
  await pool.query(`update mailtrail.api_keys set scopes = '{system:read}' where id = $1`, [id])
  t.same(await Promise.all([scopes(), scopes()]), [['*'], ['*']])
  await until('it is looked up again', scopes, (now) => now?.[0] === 'system:read', 2000)
  t.pass()
})

t.test('invalid lookups are not cached: a wrong hash, a key that is created later', async (t) => {
  const { id, hash } = await makeKey()
  t.ok(await here.find(id, hash))
  t.equal(await here.find(id, newApiKey().hash), null)
  t.ok(await here.find(id, hash), 'and does not affect the right one')
  const late = newApiKey()
  t.equal(await here.find(late.id, late.hash), null)
  await elsewhere.insert({ id: late.id, name: 'late', scopes: [], userId: null, expiresAt: null }, late.hash)
  t.match(await here.find(late.id, late.hash), { name: 'late' })
})
