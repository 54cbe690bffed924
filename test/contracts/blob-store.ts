import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { BlobStore } from '../../src/commands/ports/blobs.ts'

type Blob = { readonly hash: string; readonly content: Buffer }

const blobOf = (content: Buffer): Blob => ({
  hash: createHash('sha256').update(content).digest('hex'),
  content,
})

/** What every blob store guarantees. `open` gives a new handle on the same blobs. */
export const blobStoreContract = (t: Test, name: string, open: () => BlobStore): void => {
  t.test(`the blob store contract, for ${name}`, async (t) => {
    const [store, other] = [open(), open()]

    t.test('bytes come back under their hash, whatever they are', async (t) => {
      const blobs = [Buffer.alloc(0), Buffer.from('\\x00\0\r\n"{}'), randomBytes(3_000_000)].map(blobOf)
      await store.put(blobs)
      for (const { hash, content } of blobs) t.ok((await other.get(hash))?.equals(content))
      const part = randomBytes(100)
      await store.put([blobOf(part.subarray(10, 20))])
      t.ok((await other.get(blobOf(part.subarray(10, 20)).hash))?.equals(part.subarray(10, 20)))
    })

    t.test('blobs that are asked for at the same moment are not mistaken for each other', async (t) => {
      const blobs = Array.from({ length: 60 }, () => blobOf(randomBytes(1000)))
      await store.put(blobs)
      const asked = [...blobs, blobOf(randomBytes(10)), ...blobs.toReversed()]
      const got = await Promise.all(asked.map(({ hash }) => other.get(hash)))
      for (const [nth, { content }] of asked.entries())
        t.equal(got[nth]?.equals(content) ?? null, nth === blobs.length ? null : true)
      got[0]!.fill(0)
      t.ok(got.at(-1)!.equals(blobs[0]!.content), 'each asker has bytes of its own')
    })

    t.test('an unknown hash has no bytes', async (t) => {
      t.equal(await store.get('0'.repeat(64)), null)
      t.equal(await store.get('no hash'), null)
    })

    t.test('putting the same bytes again, in one call, later or concurrently, changes nothing', async (t) => {
      const blobs = Array.from({ length: 700 }, () => blobOf(randomBytes(40)))
      await store.put([...blobs, ...blobs])
      await Promise.all(
        [store, other, store, other].map((handle, n) =>
          handle.put([...blobs.slice(n * 10), ...Array.from({ length: 50 }, () => blobOf(randomBytes(9)))]),
        ),
      )
      t.ok((await other.get(blobs[699]!.hash))?.equals(blobs[699]!.content))
    })

    t.test('concurrent puts of the same new blobs in any order all succeed', async (t) => {
      const blobs = Array.from({ length: 60 }, () => blobOf(randomBytes(20_000)))
      const orders = [blobs, blobs.toReversed(), [...blobs.slice(30), ...blobs.slice(0, 30)]]
      await Promise.all([...orders, ...orders].map((order, n) => (n % 2 ? store : other).put(order)))
      for (const { hash, content } of blobs) t.ok((await store.get(hash))?.equals(content))
    })

    t.test('bytes that do not match their hash are refused, and nothing is stored', async (t) => {
      const [good, bad] = [blobOf(randomBytes(10)), { ...blobOf(randomBytes(10)), content: randomBytes(10) }]
      await t.rejects(store.put([good, bad]), TypeError)
      t.equal(await store.get(good.hash), null)
      t.equal(await store.get(bad.hash), null)
    })

    t.test(
      'what is erased is gone, may be put again, and nothing that was put since is erased',
      async (t) => {
        const [one, two, other] = [1, 2, 3].map(() => blobOf(randomBytes(10))) as [Blob, Blob, Blob]
        await store.put([one, two, other])
        const hashes = [two.hash, one.hash, '0'.repeat(64)]
        await store.erase(hashes, new Date(Date.now() - 3_600_000).toISOString())
        t.ok(await store.get(one.hash))
        await store.erase(hashes, new Date(Date.now() + 3_600_000).toISOString())
        for (const { hash } of [one, two]) t.equal(await store.get(hash), null)
        t.ok(await store.get(other.hash))
        await store.put([one])
        t.ok(await store.get(one.hash))
      },
    )

    t.test('changing a buffer that was put or returned does not change what is stored', async (t) => {
      const { hash, content } = blobOf(randomBytes(10))
      const before = Buffer.from(content)
      await store.put([{ hash, content }])
      content.fill(0)
      ;(await store.get(hash))?.fill(1)
      t.ok((await store.get(hash))?.equals(before))
    })
  })
}
