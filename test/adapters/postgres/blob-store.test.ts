import { createHash } from 'node:crypto'
import t from 'tap'
import { postgresBlobStore } from '../../../src/adapters/postgres/blob-store.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { blobStoreContract } from '../../contracts/blob-store.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)

blobStoreContract(t, 'the PostgreSQL adapter', () => postgresBlobStore(pool))

t.test(
  'bytes that were changed in the store are never given out, and putting them again repairs them',
  async (t) => {
    const damaged: string[] = []
    const store = postgresBlobStore(pool, (hash) => damaged.push(hash))
    const content = Buffer.from('as it was sent')
    const hash = createHash('sha256').update(content).digest('hex')
    await store.put([{ hash, content }])
    await pool.query(`update mailtrail.blobs set content = 'forged' where hash = $1`, [
      Buffer.from(hash, 'hex'),
    ])
    await t.rejects(store.get(hash), { name: 'ContentUnreliable', definition: { code: 'content-damaged' } })
    t.same(damaged, [hash])
    await store.put([{ hash, content }])
    t.same(await store.get(hash), content)
    t.same(damaged, [hash])
  },
)

t.test('a put larger than one statement is stored whole', async (t) => {
  const contents = Array.from({ length: 5 }, (_, n) => Buffer.alloc(7 * 1024 * 1024, n + 65))
  const blobs = contents.map((content) => ({
    hash: createHash('sha256').update(content).digest('hex'),
    content,
  }))
  await postgresBlobStore(pool).put(blobs)
  const { rows } = await pool.query(
    'select sum(size)::bigint as size, count(*) from mailtrail.blobs where size > 7e6',
  )
  t.same(rows, [{ size: 5 * 7 * 1024 * 1024, count: 5 }])
})

t.test('bytes that are put again while the old ones are erased are never lost', async (t) => {
  const [one, other] = [postgresBlobStore(pool), postgresBlobStore(pool)]
  const blobs = Array.from({ length: 200 }, (_, n) => Buffer.from(`erased and put again ${n}`)).map(
    (content) => ({
      hash: createHash('sha256').update(content).digest('hex'),
      content,
    }),
  )
  const hashes = blobs.map(({ hash }) => hash)
  const dayAgo = new Date(Date.now() - 86_400_000).toISOString()
  for (let round = 0; round < 10; round++) {
    await one.put(blobs)
    await pool.query(`update mailtrail.blobs set put_at = now() - interval '3 days'`)
    const some = blobs.slice(round * 20)
    await Promise.all([
      one.erase(hashes, dayAgo),
      ...some.map((blob) => other.put([blob])),
      other.erase(hashes.toReversed(), dayAgo),
      one.put(some.toReversed()),
    ])
    const there = await Promise.all(some.map(({ hash }) => one.get(hash)))
    t.equal(there.filter((content) => content === null).length, 0)
  }
})
