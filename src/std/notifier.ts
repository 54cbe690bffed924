/** Wakes waiters without saying what is new: they look for themselves. */
export type Notifier = {
  /** Wakes all waiters. */
  readonly notify: () => void
  /** The number of notifications so far: read it before you look, and `wait` misses nothing. */
  readonly count: () => number
  /** Waits for more notifications than `since`, for the timeout, or for the abort; it never rejects. */
  readonly wait: (
    since: number,
    limit: { readonly ms?: number; readonly signal?: AbortSignal },
  ) => Promise<void>
}

export const notifier = (): Notifier => {
  const waiting = new Set<() => void>()
  let count = 0
  return {
    notify: () => {
      count++
      for (const resume of waiting) resume()
    },
    count: () => count,
    wait: (since, { ms, signal }) =>
      new Promise((resolve) => {
        const resume = (): void => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', resume)
          waiting.delete(resume)
          resolve()
        }
        const timer = ms === undefined ? undefined : setTimeout(resume, ms)
        signal?.addEventListener('abort', resume)
        waiting.add(resume)
        if (count !== since || signal?.aborted) resume()
      }),
  }
}
