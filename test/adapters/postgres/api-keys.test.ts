import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { newApiKey } from '../../../src/http/server/api-key-token.ts'
import { storedKey } from '../../support/stored-key.ts'
import { testDatabase } from '../../support/test-database.ts'
import { isLong } from '../../support/long-runs.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const here = postgresApiKeys(pool)
const elsewhere = postgresApiKeys(pool)
const by = { kind: 'system', id: 'test' } as const
const makeKey = () => storedKey(here)

t.test(
  'a revoked key is refused at once by the process that revoked it, and within a second by others',
  async (t) => {
    const { id, hash } = await makeKey()
    t.match(await here.find(id, hash), { id, scopes: ['*'] })
    t.match(await elsewhere.find(id, hash), { id })
    await here.revoke(id, by, () => {})
    const revokedAt = performance.now()
    t.equal(await here.find(id, hash), null)
    await until(
      'the other process refuses it',
      () => elsewhere.find(id, hash),
      (found) => found === null,
    )
    if (isLong) t.ok(performance.now() - revokedAt < 2000)
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
  t.equal(await here.find(id, newApiKey('another').hash), null)
  t.ok(await here.find(id, hash), 'and does not affect the right one')
  const late = newApiKey('late')
  t.equal(await here.find(late.id, late.hash), null)
  const key = { id: late.id, name: 'late', scopes: [], userId: null, expiresAt: null, createdBy: by }
  t.ok(await elsewhere.insert(key, late.hash))
  t.match(await here.find(late.id, late.hash), { name: 'late' })
})

t.test('a key is stored once: another one under its id changes nothing', async (t) => {
  const { id, hash } = await makeKey()
  const other = { id, name: 'other', scopes: [], userId: null, expiresAt: null, createdBy: by }
  t.notOk(await here.insert(other, newApiKey('other').hash))
  t.match(await elsewhere.find(id, hash), { id, name: 'test' })
})

t.test('what the check of a revocation refuses is not revoked', async (t) => {
  const { id, hash } = await makeKey()
  const refused = new Error('refused')
  await t.rejects(
    here.revoke(id, by, (keys) => {
      if (keys.some((key) => key.id === id)) throw refused
    }),
    refused,
  )
  t.ok(await elsewhere.find(id, hash))
})
