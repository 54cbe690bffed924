import type pg from 'pg'
import { notifier, type Notifier } from '../../../std/notifier.ts'
import { listen } from '../listen.ts'

const CHANNEL = 'es_head'
const NOTIFY_EVERY_MS = 25

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
      listening ??= listen(pool.options, CHANNEL, { onNews: news.notify, onError }, closing.signal)
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
