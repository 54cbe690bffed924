import type pg from 'pg'
import type { ConversationPresence, Presence } from '../../commands/ports/conversation-presence.ts'
import { listen } from './listen.ts'

const CHANNEL = 'mailtrail_presence'

// What has expired meanwhile goes with the next that comes.
const PUT = `
  with expired as (delete from mailtrail.conversation_presence where expires_at <= clock_timestamp() and user_id <> $2),
    told as (select pg_notify('${CHANNEL}', $5))
  insert into mailtrail.conversation_presence (conversation_id, user_id, doing, expires_at)
  select $1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond' from told
  on conflict (conversation_id, user_id) do update set doing = excluded.doing, expires_at = excluded.expires_at`

/** In `mailtrail.conversation_presence`, and over NOTIFY; it listens once there is somebody to tell. */
export const postgresPresence = (pool: pg.Pool, onError: (error: Error) => void): ConversationPresence => {
  const closing = new AbortController()
  const listeners = new Set<(presence: Presence) => void>()
  let listening: Promise<void> | null = null
  const onNews = (payload: string | null): void => {
    if (payload === null) return
    const presence = JSON.parse(payload) as Presence
    for (const listener of listeners) listener(presence)
  }
  return {
    put: async (presence, lastsMs) => {
      const { conversationId, userId, doing } = presence
      await pool.query(PUT, [conversationId, userId, doing, lastsMs, JSON.stringify(presence)])
    },
    list: async (conversationId) => {
      const { rows } = await pool.query<{ userId: string; doing: Presence['doing'] }>(
        `select user_id as "userId", doing from mailtrail.conversation_presence
         where conversation_id = $1 and expires_at > clock_timestamp() order by user_id`,
        [conversationId],
      )
      return rows
    },
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
