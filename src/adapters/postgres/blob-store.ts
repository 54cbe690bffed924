import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { BlobStore } from '../../commands/ports/blobs.ts'
import { readTogether } from '../../std/in-groups.ts'

const MAX_ROWS = 500
/** Blobs of one answer; each may be large. */
const MAX_READ = 25
const MAX_BYTES = 16 * 1024 * 1024

type Blob = { readonly hash: string; readonly content: Uint8Array }

/**
 * Bytes in `mailtrail.blobs`. `put` throws TypeError, and stores nothing, if the bytes do not match their hash. Values
 * are sent as binary parameters: an array would send them as hex text, at twice the size.
 */
export const postgresBlobStore = (pool: pg.Pool): BlobStore => ({
  put: async (blobs) => {
    for (const { hash, content } of blobs)
      if (createHash('sha256').update(content).digest('hex') !== hash)
        throw new TypeError(`These bytes do not match ${hash}`)
    for (const some of statements(blobs)) {
      const rows = some.map(
        (_, row) => `($${row * 2 + 1}::bytea, length($${row * 2 + 2}::bytea), $${row * 2 + 2}::bytea)`,
      )
      await pool.query(
        `insert into mailtrail.blobs (hash, size, content) values ${rows.join(', ')} on conflict do nothing`,
        some.flatMap(({ hash, content }) => [Buffer.from(hash, 'hex'), content]),
      )
    }
  },
  get: readTogether((hashes) => read(pool, hashes), MAX_READ),
})

/** Each asker gets bytes of its own, also of the same blob. */
const read = async (pool: pg.Pool, hashes: readonly string[]): Promise<(Buffer | null)[]> => {
  const { rows } = await pool.query<{ place: number; content: Buffer }>(
    `select k.place, b.content
     from unnest($1::bytea[]) with ordinality as k(hash, place) join mailtrail.blobs b on b.hash = k.hash`,
    [hashes.map((hash) => Buffer.from(hash, 'hex'))],
  )
  const found = new Map(rows.map(({ place, content }) => [place, content]))
  return hashes.map((_, index) => found.get(index + 1) ?? null)
}

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
