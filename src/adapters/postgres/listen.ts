import { once } from 'node:events'
import pg from 'pg'
import { pause } from '../../std/pause.ts'

const RECONNECT_AFTER_MS = 500

type Listening = {
  /** Null for what may have been missed while nobody listened. */
  readonly onNews: (payload: string | null) => void
  readonly onError: (error: Error) => void
}

/** Listens to notifications until `signal` aborts, over a connection of its own; reconnects when that is lost. */
export const listen = async (
  config: pg.ClientConfig,
  channel: string,
  { onNews, onError }: Listening,
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    const client = new pg.Client(config)
    client.on('notification', ({ payload }) => onNews(payload ?? ''))
    client.on('error', onError)
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
      onNews(null)
      await once(client, 'end', { signal })
    } catch (error) {
      if (!signal.aborted && error instanceof Error) onError(error)
    }
    await client.end().catch(onError)
    await pause(RECONNECT_AFTER_MS, signal)
  }
}
