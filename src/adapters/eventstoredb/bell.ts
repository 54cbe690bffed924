import { setTimeout as sleep } from 'node:timers/promises'

/** Tells of news, without saying what: whoever hears it looks for himself. */
export type Bell = {
  /** Begins to listen, once. */
  start(): void
  /** How often it has rung. */
  count(): number
  /** Waits until it has rung more often than `heard`, for `withinMs` at most, or until the signal aborts. */
  heard(heard: number, withinMs: number, signal: AbortSignal): Promise<void>
  /** Fulfilled when it listens no more, after the signal of its making. */
  ended(): Promise<void>
}

/**
 * A bell rung by a subscription that may end at any time, with an error or silently: both are a drop, after which it
 * subscribes again with full jitter, up to 5 s later. It rings at each drop, for what may have been missed.
 */
export const bell = (
  subscribe: (onEvent: () => void, signal: AbortSignal) => Promise<void>,
  onError: (error: Error) => void,
  signal: AbortSignal,
): Bell => {
  const waiting = new Set<() => void>()
  let count = 0
  let listening: Promise<void> | null = null

  const ring = (): void => {
    count++
    for (const resume of waiting) resume()
  }
  const listen = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; failures++) {
      const before = count
      await subscribe(ring, signal).catch(onError)
      if (count > before) failures = 0
      ring()
      const pauseMs = Math.random() * Math.min(100 * 2 ** failures, 5_000)
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
    }
  }

  return {
    start: () => void (listening ??= listen()),
    count: () => count,
    heard: (heard, withinMs, until) =>
      new Promise((resolve) => {
        const resume = (): void => {
          clearTimeout(alarm)
          until.removeEventListener('abort', resume)
          waiting.delete(resume)
          resolve()
        }
        const alarm = setTimeout(resume, withinMs)
        until.addEventListener('abort', resume)
        waiting.add(resume)
        if (count > heard || until.aborted) resume()
      }),
    ended: async () => void (await listening),
  }
}
