type Put<Item> = (items: readonly Item[]) => Promise<void>
type Waiting<Item> = {
  readonly items: readonly Item[]
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Puts items in batches: whatever is put while one batch is being stored makes up the next, so that many small puts
 * need few round trips. Each call returns once its own items are durable. The items of a failed batch are put call by
 * call, so that none fails because of another.
 */
export const batchedPut = <Item>(put: Put<Item>): Put<Item> => {
  let waiting: Waiting<Item>[] = []
  let busy = false

  const putAlone = async ({ items, done, failed }: Waiting<Item>): Promise<void> => {
    try {
      await put(items)
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
        await put(set.flatMap(({ items }) => items))
        for (const { done } of set) done()
      } catch {
        for (const each of set) await putAlone(each)
      }
    }
    busy = false
  }

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, done: resolve, failed: reject })
      if (!busy) void run()
    })
}
