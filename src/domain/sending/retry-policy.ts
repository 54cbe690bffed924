/** When an email that was put off is tried again: exponential delay with full jitter, for a day in all. */
export type RetryPolicy = {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
  readonly giveUpAfterMs: number
}

export const retryPolicy: RetryPolicy = {
  baseMs: 15_000,
  factor: 2,
  capMs: 30 * 60_000,
  giveUpAfterMs: 24 * 3_600_000,
}

/**
 * When to make the next attempt after `attempt` (from 1) failed at `now`: not before `until`; null if it would be later
 * than allowed since `since`. `chance` is a random number in [0, 1).
 */
export const retryAt = (
  failed: {
    readonly attempt: number
    readonly since: string
    readonly now: string
    readonly chance: number
    readonly until: string | null
  },
  policy: RetryPolicy = retryPolicy,
): string | null => {
  const ceiling = Math.min(policy.capMs, policy.baseMs * policy.factor ** (failed.attempt - 1))
  const soonest = failed.until === null ? 0 : Date.parse(failed.until)
  const at = Math.max(Date.parse(failed.now) + Math.floor(failed.chance * ceiling), soonest)
  return at > Date.parse(failed.since) + policy.giveUpAfterMs ? null : new Date(at).toISOString()
}
