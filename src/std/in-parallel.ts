/** Limits how much work runs at once; the rest waits in order. */
export type Turns = <Result>(work: () => Promise<Result>) => Promise<Result>

export const turns = (most: number): Turns => {
  const waiting: (() => void)[] = []
  let free = most
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

/** Lets work of one key run one after the other, in order; work of other keys is not waited for. */
export type TurnsByKey = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>

export const turnsByKey = (): TurnsByKey => {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

/**
 * Works on all items with limited concurrency, and returns the results in their order. After an error no more are
 * started, and it is thrown when those in progress have finished.
 */
export const inParallel = async <Item, Result>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  const failed: { readonly error: unknown }[] = []
  // All workers share the one iterator.
  const left = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of left)
      try {
        results[index] = await work(item)
        if (failed.length > 0) return
      } catch (error) {
        failed.push({ error })
        return
      }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  if (failed[0]) throw failed[0].error
  return results
}

/**
 * Works on all items with limited concurrency; a failure does not stop the others.
 * @throws the error, or an AggregateError of several, when all are done
 */
export const tryAll = async <Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> => {
  const errors: unknown[] = []
  await inParallel(items, most, (item) => work(item).catch((error: unknown) => errors.push(error)))
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} of ${items.length} failed`)
}
