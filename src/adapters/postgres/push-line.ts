import type pg from 'pg'
import { listen } from './listen.ts'

const CHANNEL = 'mailtrail_push'

/** Carries word of a mailbox from the process that a mail system told of it to those that watch it. It may get lost. */
export type PushLine = {
  readonly tell: (mailbox: string) => Promise<void>
  /** @returns ends that */
  readonly onTold: (listener: (mailbox: string) => void) => () => void
  readonly close: () => Promise<void>
}

/** Over NOTIFY; it listens once there is somebody to tell. */
export const pushLine = (pool: pg.Pool, onError: (error: Error) => void): PushLine => {
  const closing = new AbortController()
  const listeners = new Set<(mailbox: string) => void>()
  let listening: Promise<void> | null = null
  const onNews = (mailbox: string | null): void => {
    if (mailbox !== null) for (const listener of listeners) listener(mailbox)
  }
  return {
    tell: async (mailbox) => void (await pool.query('select pg_notify($1, $2)', [CHANNEL, mailbox])),
    onTold: (listener) => {
      listening ??= listen(pool.options, CHANNEL, { onNews, onError }, closing.signal)
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: async () => {
      closing.abort()
      await listening
    },
  }
}
