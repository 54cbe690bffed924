import type { Lease } from '../ports.ts'

/** Works under a lease, and gives it back. */
export const underLease = async <Result>(
  held: Lease,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  try {
    return await work(AbortSignal.any([signal, held.signal]))
  } finally {
    await held.release()
  }
}

/** Works on all items, some at a time; a fault in one keeps none of the others back, and is thrown in the end. */
export const each = async <Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  const faults: unknown[] = []
  const queue = items.values()
  const worker = async () => {
    for (const item of queue)
      await work(item).then(
        (result) => results.push(result),
        (fault: unknown) => faults.push(fault),
      )
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (faults.length === 1) throw faults[0]
  if (faults.length > 1) throw new AggregateError(faults, `${faults.length} of ${items.length} failed`)
  return results
}
