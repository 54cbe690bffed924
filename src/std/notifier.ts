/** Tells those who wait that there is news, without saying what: whoever wakes looks for himself. */
export type Notifier = {
  /** Wakes all who wait. */
  readonly notify: () => void
  /** How often there was news: read it before you look, and `wait` misses nothing. */
  readonly count: () => number
  /** Waits until there is more news than `since`, the time is over, or the signal aborts; it never rejects. */
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
