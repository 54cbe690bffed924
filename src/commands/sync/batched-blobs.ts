import type { BlobStore } from '../ports/blobs.ts'

type Blobs = Parameters<BlobStore['put']>[0]
type Waiting = { readonly blobs: Blobs; readonly done: () => void; readonly failed: (error: unknown) => void }

/**
 * Puts blobs in sets: what is put while a set is on its way makes the next one, so that many small puts cost few round
 * trips. Each call is answered when its own blobs are durable; a set that fails is put one by one, so that nobody fails of
 * another's.
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
