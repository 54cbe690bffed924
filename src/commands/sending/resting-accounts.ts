export type RestingAccounts = {
  /** Accounts that have failed last, resting or not. */
  readonly size: () => number
  readonly isResting: (accountId: string) => boolean
  readonly hasFailed: (accountId: string) => boolean
  readonly failed: (accountId: string) => void
  readonly succeeded: (accountId: string) => void
}

/** Which accounts this process leaves alone for now, since their server was away: for longer each time. */
export const restingAccounts = ({
  first,
  most,
}: {
  readonly first: number
  readonly most: number
}): RestingAccounts => {
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
