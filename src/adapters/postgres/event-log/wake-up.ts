import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

const CHANNEL = 'es_head'
const NOTIFY_EVERY_MS = 25
const RECONNECT_AFTER_MS = 500

/** Tells all processes that the log has grown. It may be lost: whoever waits looks for himself now and then. */
export type WakeUp = {
  /** Wakes whoever waits here, and the other processes, these at most once in 25 ms. */
  readonly notify: () => void
  /** How often this process was woken: read it before you look, and `wait` misses nothing. */
  readonly count: () => number
  /** Resolves when `count` has moved on from `since`, after `ms`, or on abort; it never rejects. */
  readonly wait: (since: number, ms: number, signal: AbortSignal) => Promise<void>
  readonly close: () => Promise<void>
}

/** One LISTEN connection beside the pool, made when somebody first waits; notifications go through the pool. */
export const wakeUp = (pool: pg.Pool, onError: (error: Error) => void): WakeUp => {
  const closing = new AbortController()
  const waiting = new Set<() => void>()
  let count = 0
  let listening: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let notified = -Infinity
  let notifying: Promise<unknown> = Promise.resolve()

  const wake = (): void => {
    count++
    for (const resume of waiting) resume()
  }

  const send = (): void => {
    timer = null
    notified = performance.now()
    // Not worth an fsync. A transaction of its own, since a NOTIFY takes a lock on the whole server as it commits.
    const sql = `select set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', '')`
    notifying = pool.query(sql).catch(onError)
  }

  return {
    notify: () => {
      wake()
      timer ??= setTimeout(send, Math.max(0, notified + NOTIFY_EVERY_MS - performance.now()))
    },
    count: () => count,
    wait: (since, ms, signal) =>
      new Promise((resolve) => {
        listening ??= listen(pool.options, wake, onError, closing.signal)
        if (count !== since || signal.aborted) return resolve()
        const resume = (): void => {
          clearTimeout(timeout)
          signal.removeEventListener('abort', resume)
          waiting.delete(resume)
          resolve()
        }
        const timeout = setTimeout(resume, ms)
        signal.addEventListener('abort', resume)
        waiting.add(resume)
      }),
    close: async () => {
      if (timer) {
        clearTimeout(timer)
        send()
      }
      closing.abort()
      await Promise.all([listening, notifying])
    },
  }
}

/** Listens until `signal` aborts; a lost connection is made again, and what may have been missed meanwhile wakes. */
const listen = async (
  config: pg.ClientConfig,
  wake: () => void,
  onError: (error: Error) => void,
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    const client = new pg.Client(config)
    client.on('notification', wake)
    client.on('error', onError)
    try {
      await client.connect()
      await client.query(`listen ${CHANNEL}`)
      wake()
      await once(client, 'end', { signal })
    } catch (error) {
      if (!signal.aborted && error instanceof Error) onError(error)
    }
    await client.end().catch(onError)
    await pause(RECONNECT_AFTER_MS, undefined, { signal }).catch(() => {})
  }
}
