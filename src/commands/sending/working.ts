import { newCommandId, type Caller } from '../handle.ts'
import type { Clock, Lease } from '../ports.ts'

// What the automations of sending have in common.

export const automatic = (clock: Clock, id: string, outgoingId: string): Caller => ({
  actor: { kind: 'system', id },
  commandId: newCommandId(clock()),
  correlationId: outgoingId,
  causationId: null,
})

/** Works under a lease, and gives it back. */
export const under = async <Result>(
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

export type Rests = {
  /** Accounts that have failed last, resting or not. */
  readonly size: () => number
  readonly isResting: (accountId: string) => boolean
  readonly hasFailed: (accountId: string) => boolean
  readonly failed: (accountId: string) => void
  readonly succeeded: (accountId: string) => void
}

/** Which accounts this process leaves alone for now, since their server was away: for longer each time. */
export const rests = ({ first, most }: { readonly first: number; readonly most: number }): Rests => {
  const known = new Map<string, { failures: number; until: number }>()
  return {
    size: () => known.size,
    isResting: (accountId) => (known.get(accountId)?.until ?? 0) > performance.now(),
    hasFailed: (accountId) => known.has(accountId),
    failed: (accountId) => {
      const failures = (known.get(accountId)?.failures ?? 0) + 1
      const restMs = Math.min(first * 2 ** (failures - 1), most)
      known.set(accountId, { failures, until: performance.now() + restMs })
    },
    succeeded: (accountId) => known.delete(accountId),
  }
}
