const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** How long after the first attempt a delivery is still tried. */
export const TRIED_FOR_MS = 72 * HOUR

/** Pauses after the first attempt, the second, and so on; the last goes for all that follow. */
const PAUSES = [5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR]
const LONGEST_ASKED_MS = 24 * HOUR

/** What is known when an attempt has failed. `askedMs`: how long the receiver asked to wait (`Retry-After`). */
export type FailedAttempt = {
  readonly attempts: number
  readonly firstAt: Date
  readonly now: Date
  readonly askedMs: number | null
}

/**
 * When a delivery is tried next; null: not any more. `chance` (0 to 1) spreads the attempts over a fifth of the pause to
 * either side, so that what failed together is not repeated together.
 */
export const nextAttempt = (
  { attempts, firstAt, now, askedMs }: FailedAttempt,
  chance: number,
): Date | null => {
  if (now.getTime() - firstAt.getTime() >= TRIED_FOR_MS) return null
  const pause = PAUSES[Math.min(attempts, PAUSES.length) - 1]! * (0.8 + 0.4 * chance)
  const asked = Math.min(askedMs ?? 0, LONGEST_ASKED_MS)
  return new Date(now.getTime() + Math.max(pause, asked))
}
