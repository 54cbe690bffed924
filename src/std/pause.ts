import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

/** Waits for this many milliseconds, or until the signal aborts; it never rejects. */
export const pause = async (ms: number, signal?: AbortSignal): Promise<void> => {
  try {
    await sleep(ms, undefined, signal && { signal })
  } catch (error) {
    if (!signal?.aborted) throw error
  }
}

/** Lets everything else that is ready have its turn. */
export const othersTurn = (): Promise<void> => setImmediate()
