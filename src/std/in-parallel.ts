/** Lets at most so many pieces of work run at once; the others wait in order. */
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

/**
 * Works on all items, at most so many at once, and answers in their order. After an error no more are begun, and it is
 * thrown when nothing is under way any more.
 */
export const inParallel = async <Item, Result>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  const failed: { readonly error: unknown }[] = []
  // All workers take from the one iterator.
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
 * Works on all items, at most so many at once; one that fails keeps none of the others back.
 * @throws what one threw, or an AggregateError of what several did, when all are done
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
