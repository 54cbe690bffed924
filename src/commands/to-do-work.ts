import { tryAll } from '../std/in-parallel.ts'
import { isOutage } from './outage.ts'
import type { Lease } from './ports/leases.ts'

/** Works under a lease, and releases it. */
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

/**
 * Works on items one after the other. An item that fails is reported and skipped for a growing time, without delaying
 * the others; one whose work says `later` is skipped alike. `resting` says how many failed recently, to ask a list for
 * that many more.
 */
export const oneByOne = <Item>(
  idOf: (item: Item) => string,
  work: (item: Item, signal: AbortSignal) => Promise<unknown>,
) => {
  const resting = restAfterFailure({ first: 2000, most: 5 * 60_000 })
  const workOn = async (items: readonly Item[], signal: AbortSignal): Promise<void> => {
    const ready = items.filter((item) => !resting.isResting(idOf(item)))
    await tryAll(ready, 1, async (item) => {
      if (signal.aborted) return
      try {
        const result = await work(item, signal)
        resting[result === 'later' ? 'failed' : 'succeeded'](idOf(item))
      } catch (fault) {
        if (!isOutage(fault)) resting.failed(idOf(item))
        throw fault
      }
    })
  }
  return Object.assign(workOn, { resting: resting.size })
}

/** Works through a to-do list page by page, one item at a time. Returns whether there may be more. */
export const pageByPage = <Item>(
  page: number,
  toDo: (limit: number) => Promise<readonly Item[]>,
  idOf: (item: Item) => string,
  work: (item: Item, signal: AbortSignal) => Promise<unknown>,
): ((signal: AbortSignal) => Promise<boolean>) => {
  const workOn = oneByOne(idOf, work)
  return async (signal) => {
    const limit = page + workOn.resting()
    const items = await toDo(limit)
    await workOn(items, signal)
    return items.length === limit
  }
}

/** By id: accounts, or items of a to-do list. */
export type Resting = {
  /** How many failed recently, resting or not. */
  readonly size: () => number
  readonly isResting: (id: string) => boolean
  /** Those that rest now. */
  readonly resting: () => string[]
  readonly hasFailed: (id: string) => boolean
  readonly failed: (id: string) => void
  readonly succeeded: (id: string) => void
}

/** What this process skips for now because it failed: for a growing time. */
export const restAfterFailure = ({
  first,
  most,
}: {
  readonly first: number
  readonly most: number
}): Resting => {
  const known = new Map<string, { failures: number; until: number }>()
  return {
    size: () => known.size,
    isResting: (id) => (known.get(id)?.until ?? 0) > performance.now(),
    resting: () => [...known].flatMap(([id, { until }]) => (until > performance.now() ? [id] : [])),
    hasFailed: (id) => known.has(id),
    failed: (id) => {
      const failures = (known.get(id)?.failures ?? 0) + 1
      const restMs = Math.min(first * 2 ** (failures - 1), most)
      known.set(id, { failures, until: performance.now() + restMs })
    },
    succeeded: (id) => known.delete(id),
  }
}
