import { createHash } from 'node:crypto'
import type { BlobStore } from '../../src/commands/ports/blobs.ts'

/** Blobs in this process alone: gone with it. */
export const memoryBlobStore = (): BlobStore => {
  const kept = new Map<string, { readonly content: Buffer; readonly putAt: number }>()
  return {
    put: async (blobs) => {
      for (const { hash, content } of blobs)
        if (createHash('sha256').update(content).digest('hex') !== hash)
          throw new TypeError(`These bytes do not match ${hash}`)
      for (const { hash, content } of blobs)
        kept.set(hash, { content: Buffer.from(content), putAt: Date.now() })
    },
    get: async (hash) => {
      const blob = kept.get(hash)
      return blob ? Buffer.from(blob.content) : null
    },
    erase: async (hashes, putBefore) => {
      for (const hash of hashes)
        if ((kept.get(hash)?.putAt ?? Infinity) < Date.parse(putBefore)) kept.delete(hash)
    },
  }
}
