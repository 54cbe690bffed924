import { once } from 'node:events'
import pg from 'pg'
import { notifier, type Notifier } from '../../../std/notifier.ts'
import { pause } from '../../../std/pause.ts'

const CHANNEL = 'es_head'
const NOTIFY_EVERY_MS = 25
const RECONNECT_AFTER_MS = 500

/**
 * Tells all processes that the log has grown; other processes at most once every 25 ms. A notification may be lost, so
 * waiters also poll.
 */
export type WakeUp = Notifier & { readonly close: () => Promise<void> }

/** One LISTEN connection outside the pool, opened on the first wait; notifications are sent through the pool. */
export const wakeUp = (pool: pg.Pool, onError: (error: Error) => void): WakeUp => {
  const closing = new AbortController()
  const news = notifier()
  let listening: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let notified = -Infinity
  let notifying: Promise<unknown> = Promise.resolve()

  const send = (): void => {
    timer = null
    notified = performance.now()
    // Not worth an fsync. In a transaction of its own, because NOTIFY takes a server-wide lock at commit.
    const sql = `select set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', '')`
    notifying = pool.query(sql).catch(onError)
  }

  return {
    notify: () => {
      news.notify()
      timer ??= setTimeout(send, Math.max(0, notified + NOTIFY_EVERY_MS - performance.now()))
    },
    count: news.count,
    wait: (since, limit) => {
      listening ??= listen(pool.options, news.notify, onError, closing.signal)
      return news.wait(since, limit)
    },
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

/**
 * Listens until `signal` aborts; reconnects when the connection is lost, and wakes waiters for what they may have
 * missed.
 */
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
    await pause(RECONNECT_AFTER_MS, signal)
  }
}
