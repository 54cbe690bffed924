import { sql, type Kysely } from 'kysely'
import {
  FolderSynced,
  MessageQuarantined,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
} from '../../domain/sync/events.ts'
import {
  integer,
  json,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type RowOf,
} from '../projection.ts'

const syncError = table({
  columns: {
    account_id: text,
    /** `msg_…` of a quarantined message; folder, validity and UID of one that the server does not hand out. */
    id: text,
    kind: text,
    message_id: nullable(text),
    folder: text,
    uid: integer,
    reason: text,
    attempts: integer,
    size: nullable(integer),
    first_at: timestamp,
    last_at: timestamp,
  },
  key: ['account_id', 'id'],
  indexes: ['(account_id, last_at DESC, id DESC)'],
})
export type SyncErrorRow = RowOf<typeof syncError>

/**
 * What sync could not do and somebody may want to know of: messages that could not be read (`unreadable`, kept
 * raw) until they are retried with success or skipped, and messages that the server does not hand out (`missing`)
 * until it does or has them no more.
 */
export const syncErrors = projection({
  name: 'sync-errors',
  version: 1,
  tables: {
    sync_error: syncError,
    gap: table({
      columns: { account_id: text, folder: text, ids: json<string[]>() },
      key: ['account_id', 'folder'],
    }),
  },
  events: [FolderSynced, MessageQuarantined, QuarantinedMessageSkipped, QuarantinedMessageReleased],
  fold: (event, rows) => {
    const account_id = event.data.accountId
    const at = event.metadata.occurredAt
    const put = (id: string, row: Pick<SyncErrorRow, 'folder' | 'uid' | 'reason' | 'attempts' | 'size'>) => {
      const message_id = id.startsWith('msg_') ? id : null
      const kind = message_id === null ? 'missing' : 'unreadable'
      const first_at = rows.get('sync_error', { account_id, id })?.first_at ?? at
      rows.put('sync_error', { account_id, id, kind, message_id, ...row, first_at, last_at: at })
    }
    switch (event.type) {
      case 'QuarantinedMessageSkipped':
      case 'QuarantinedMessageReleased':
        return rows.remove('sync_error', { account_id, id: event.data.messageId })
      case 'MessageQuarantined': {
        const { placement, reason, attempts, size } = event.data
        return put(event.data.messageId, {
          folder: placement.folder,
          uid: placement.uid,
          reason,
          attempts,
          size,
        })
      }
      case 'FolderSynced': {
        const { cursor, failures } = event.data
        const { folder, retry } = cursor
        const idOf = (uid: number): string => JSON.stringify([folder, cursor.uidValidity, uid])
        const key = { account_id, folder }
        const ids = retry.map(({ uid }) => idOf(uid))
        const before = rows.get('gap', key)?.ids ?? []
        for (const id of before) if (!ids.includes(id)) rows.remove('sync_error', { account_id, id })
        for (const { uid, reason, attempts, messageId } of failures)
          if (messageId === undefined && ids.includes(idOf(uid)))
            put(idOf(uid), { folder, uid, reason, attempts, size: null })
        if (ids.length > 0) rows.put('gap', { ...key, ids })
        else if (before.length > 0) rows.remove('gap', key)
      }
    }
  },
})

/** Open errors of an account, the latest first; up to `limit` behind the key `after`. */
export const listSyncErrors = (
  db: Kysely<unknown>,
  accountId: string,
  after: readonly [lastAt: string, id: string] | null,
  limit: number,
): Promise<SyncErrorRow[]> =>
  tablesOf(db, syncErrors)
    .selectFrom('sync_error')
    .selectAll()
    .where('account_id', '=', accountId)
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(last_at, id) < (${after![0]}::timestamptz, ${after![1]})`),
    )
    .orderBy('last_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
