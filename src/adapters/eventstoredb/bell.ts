import { notifier, type Notifier } from '../../std/notifier.ts'
import { pause } from '../../std/pause.ts'

/** Notifies of news without saying what it is: listeners look for themselves. */
export type Bell = Pick<Notifier, 'count' | 'wait'> & {
  /** Starts listening, once. */
  start(): void
  /** Resolves when it has stopped listening, after its signal has aborted. */
  ended(): Promise<void>
}

/**
 * A bell rung by a subscription that may end at any time, with an error or silently: either way it resubscribes with
 * full jitter, after up to 5 s. It rings at each drop, for what may have been missed.
 */
export const bell = (
  subscribe: (onEvent: () => void, signal: AbortSignal) => Promise<void>,
  onError: (error: Error) => void,
  signal: AbortSignal,
): Bell => {
  const { notify, count, wait } = notifier()
  let listening: Promise<void> | null = null

  const listen = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; failures++) {
      const before = count()
      await subscribe(notify, signal).catch(onError)
      if (count() > before) failures = 0
      notify()
      await pause(Math.random() * Math.min(100 * 2 ** failures, 5_000), signal)
    }
  }

  return {
    start: () => void (listening ??= listen()),
    count,
    wait,
    ended: async () => void (await listening),
  }
}
