import { createHash } from 'node:crypto'
import type pg from 'pg'
import { contentDamaged, ContentUnreliable, type BlobStore } from '../../commands/ports/blobs.ts'
import { readTogether } from '../../std/in-groups.ts'

const MAX_ROWS = 500
/** Blobs of one answer; each may be large. */
const MAX_READ = 25
const MAX_BYTES = 16 * 1024 * 1024

type Blob = { readonly hash: string; readonly content: Uint8Array }

/**
 * Bytes in `mailtrail.blobs`. They are compared with their hash whenever they are read; `onDamaged` hears of those that do
 * not match. `put` throws TypeError, and stores nothing, if the bytes do not match their hash. Values
 * are sent as binary parameters: an array would send them as hex text, at twice the size.
 */
export const postgresBlobStore = (pool: pg.Pool, onDamaged: (hash: string) => void = () => {}): BlobStore => {
  const read = readTogether((hashes: readonly string[]) => readBlobs(pool, hashes), MAX_READ)
  return {
    put: async (blobs) => {
      for (const { hash, content } of blobs)
        if (sha256(content) !== hash) throw new TypeError(`These bytes do not match ${hash}`)
      for (const some of statements(blobs)) {
        const rows = some.map(
          (_, row) => `($${row * 2 + 1}::bytea, length($${row * 2 + 2}::bytea), $${row * 2 + 2}::bytea)`,
        )
        await pool.query(
          `insert into mailtrail.blobs (hash, size, content) values ${rows.join(', ')}
         on conflict (hash) do update set put_at = now(), size = excluded.size,
             content = case when sha256(blobs.content) = blobs.hash then blobs.content else excluded.content end
           where blobs.put_at < now() - interval '1 hour' or sha256(blobs.content) <> blobs.hash`,
          some.flatMap(({ hash, content }) => [Buffer.from(hash, 'hex'), content]),
        )
      }
    },
    get: async (hash) => {
      const content = await read(hash)
      if (content === null || sha256(content) === hash) return content
      onDamaged(hash)
      throw new ContentUnreliable(contentDamaged, hash)
    },
    // Each is locked before it is looked at, in the order in which they are put: what is put meanwhile is not erased.
    erase: async (hashes, putBefore) => {
      await pool.query(
        `with old as (
           select hash from mailtrail.blobs where hash = any($1::bytea[]) and put_at < $2 order by hash for update)
         delete from mailtrail.blobs using old where blobs.hash = old.hash`,
        [hashes.map((hash) => Buffer.from(hash, 'hex')), putBefore],
      )
    },
  }
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** In the order of the hashes; the same one twice gives bytes twice, so that each asker has its own. */
const readBlobs = async (pool: pg.Pool, hashes: readonly string[]): Promise<(Buffer | null)[]> => {
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
