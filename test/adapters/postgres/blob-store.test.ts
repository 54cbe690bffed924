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

t.test('a put larger than one statement is stored whole', async (t) => {
  const { createHash } = await import('node:crypto')
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
