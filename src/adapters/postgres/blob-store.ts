import { createHash } from 'node:crypto'
import type pg from 'pg'
import { contentDamaged, ContentUnreliable, type BlobStore } from '../../commands/ports/blobs.ts'

const MAX_ROWS = 500
const MAX_BYTES = 16 * 1024 * 1024

type Blob = { readonly hash: string; readonly content: Uint8Array }

/**
 * Bytes in `mailtrail.blobs`. They are compared with their hash whenever they are read; `onDamaged` hears of those that do
 * not match. `put` throws TypeError, and stores nothing, if the bytes do not match their hash. Values
 * are sent as binary parameters: an array would send them as hex text, at twice the size.
 */
export const postgresBlobStore = (
  pool: pg.Pool,
  onDamaged: (hash: string) => void = () => {},
): BlobStore => ({
  put: async (blobs) => {
    for (const { hash, content } of blobs)
      if (sha256(content) !== hash) throw new TypeError(`These bytes do not match ${hash}`)
    for (const some of statements(blobs)) {
      const rows = some.map(
        (_, row) => `($${row * 2 + 1}::bytea, length($${row * 2 + 2}::bytea), $${row * 2 + 2}::bytea)`,
      )
      await pool.query(
        `insert into mailtrail.blobs (hash, size, content) values ${rows.join(', ')}
         on conflict (hash) do update set size = excluded.size, content = excluded.content
           where sha256(blobs.content) <> blobs.hash`,
        some.flatMap(({ hash, content }) => [Buffer.from(hash, 'hex'), content]),
      )
    }
  },
  get: async (hash) => {
    const { rows } = await pool.query<{ content: Buffer }>(
      'select content from mailtrail.blobs where hash = $1',
      [Buffer.from(hash, 'hex')],
    )
    const content = rows[0]?.content ?? null
    if (content === null || sha256(content) === hash) return content
    onDamaged(hash)
    throw new ContentUnreliable(contentDamaged, hash)
  },
})

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** Each hash once and in order, so that two processes that put the same blobs cannot deadlock. */
const statements = (blobs: readonly Blob[]): Blob[][] => {
  const sorted = [...new Map(blobs.map((blob) => [blob.hash, blob])).values()].toSorted((a, b) =>
    a.hash < b.hash ? -1 : 1,
  )
  const made: Blob[][] = []
  let bytes = 0
  for (const blob of sorted) {
    const current = made.at(-1)
    if (current && current.length < MAX_ROWS && bytes + blob.content.length <= MAX_BYTES) {
      current.push(blob)
      bytes += blob.content.length
    } else {
      made.push([blob])
      bytes = blob.content.length
    }
  }
  return made
}
