import { createHash } from 'node:crypto'
import type { BlobStore } from '../../src/commands/ports/blobs.ts'

/** Blobs in this process alone: gone with it. */
export const memoryBlobStore = (): BlobStore => {
  const kept = new Map<string, Buffer>()
  return {
    put: async (blobs) => {
      for (const { hash, content } of blobs)
        if (createHash('sha256').update(content).digest('hex') !== hash)
          throw new TypeError(`These bytes do not match ${hash}`)
      for (const { hash, content } of blobs) kept.set(hash, Buffer.from(content))
    },
    get: async (hash) => {
      const content = kept.get(hash)
      return content ? Buffer.from(content) : null
    },
  }
}
