import type pg from 'pg'

export type VerifiedBlobs = {
  readonly blobs: number
  readonly bytes: number
  /** SHA-256 (lower-case hex) under which other bytes are stored. */
  readonly damaged: readonly string[]
}

const BATCH = 500

/**
 * Compares all stored content with its hash, in the database. `onProgress` hears how many blobs were compared.
 * @throws the signal's reason
 */
export const verifyBlobs = async (
  pool: pg.Pool,
  signal: AbortSignal,
  onProgress: (blobs: number) => void,
): Promise<VerifiedBlobs> => {
  let [blobs, bytes] = [0, 0]
  const damaged: string[] = []
  let after: Buffer = Buffer.alloc(0)
  for (;;) {
    signal.throwIfAborted()
    const { rows } = await pool.query<{ hash: Buffer; size: number; sound: boolean }>(
      `select hash, octet_length(content) as size, sha256(content) = hash as sound
       from mailtrail.blobs where hash > $1 order by hash limit ${BATCH}`,
      [after],
    )
    for (const { hash, size, sound } of rows) {
      bytes += size
      if (!sound) damaged.push(hash.toString('hex'))
    }
    blobs += rows.length
    onProgress(blobs)
    const last = rows.at(-1)
    if (!last || rows.length < BATCH) return { blobs, bytes, damaged }
    after = last.hash
  }
}
