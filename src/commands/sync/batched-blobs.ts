import type { BlobStore } from '../ports/blobs.ts'

type Blobs = Parameters<BlobStore['put']>[0]
type Waiting = { readonly blobs: Blobs; readonly done: () => void; readonly failed: (error: unknown) => void }

/**
 * Puts blobs in batches: whatever is put while one batch is being stored makes up the next, so that many small puts
 * need few round trips. Each call returns once its own blobs are durable. The blobs of a failed batch are put one by
 * one, so that none fails because of another.
 */
export const batchedPut = (store: BlobStore): BlobStore['put'] => {
  let waiting: Waiting[] = []
  let busy = false

  const putAlone = async ({ blobs, done, failed }: Waiting): Promise<void> => {
    try {
      await store.put(blobs)
      done()
    } catch (error) {
      failed(error)
    }
  }

  const run = async (): Promise<void> => {
    busy = true
    while (waiting.length > 0) {
      const set = waiting
      waiting = []
      try {
        await store.put(set.flatMap(({ blobs }) => blobs))
        for (const { done } of set) done()
      } catch {
        for (const each of set) await putAlone(each)
      }
    }
    busy = false
  }

  return (blobs) =>
    new Promise((resolve, reject) => {
      waiting.push({ blobs, done: resolve, failed: reject })
      if (!busy) void run()
    })
}
