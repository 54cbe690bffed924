import { sql, type Kysely } from 'kysely'
import {
  ChangesSynced,
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
    /** `msg_…` of a quarantined message; folder and reference of one that is withheld. */
    id: text,
    kind: text,
    message_id: nullable(text),
    folder: text,
    ref: text,
    reason: text,
    attempts: integer,
    size: nullable(integer),
    first_at: timestamp,
    last_at: timestamp,
  },
  key: ['account_id', 'id'],
  indexes: ['(account_id, last_at DESC, id DESC)'],
})
type SyncErrorRow = RowOf<typeof syncError>

/**
 * What sync could not do and somebody may want to know of: messages that could not be read (`unreadable`, kept raw) until
 * they are retried with success or skipped, and messages that the mailbox does not hand out (`withheld`) until it does or
 * has them no more.
 */
export const syncErrors = projection({
  name: 'sync-errors',
  version: 1,
  tables: {
    sync_error: syncError,
    withheld: table({ columns: { account_id: text, ids: json<string[]>() }, key: ['account_id'] }),
  },
  events: [ChangesSynced, MessageQuarantined, QuarantinedMessageSkipped, QuarantinedMessageReleased],
  fold: (event, rows) => {
    const account_id = event.data.accountId
    const at = event.metadata.occurredAt
    const put = (id: string, row: Pick<SyncErrorRow, 'folder' | 'ref' | 'reason' | 'attempts' | 'size'>) => {
      const message_id = id.startsWith('msg_') ? id : null
      const kind = message_id === null ? 'withheld' : 'unreadable'
      const first_at = rows.get('sync_error', { account_id, id })?.first_at ?? at
      rows.put('sync_error', { account_id, id, kind, message_id, ...row, first_at, last_at: at })
    }
    switch (event.type) {
      case 'QuarantinedMessageSkipped':
      case 'QuarantinedMessageReleased':
        return rows.remove('sync_error', { account_id, id: event.data.messageId })
      case 'MessageQuarantined': {
        const { placement, reason, attempts, size } = event.data
        const { folder, ref } = placement
        return put(event.data.messageId, { folder, ref, reason, attempts, size })
      }
      case 'ChangesSynced': {
        const { withheld, failures } = event.data
        const ids = withheld.map(({ placement }) => idOf(placement))
        const still = new Set(ids)
        const before = rows.get('withheld', { account_id })?.ids ?? []
        for (const id of before) if (!still.has(id)) rows.remove('sync_error', { account_id, id })
        for (const { folder, ref, reason, attempts, messageId } of failures)
          if (messageId === undefined && still.has(idOf({ folder, ref })))
            put(idOf({ folder, ref }), { folder, ref, reason, attempts, size: null })
        if (ids.length > 0) rows.put('withheld', { account_id, ids })
        else if (before.length > 0) rows.remove('withheld', { account_id })
      }
    }
  },
})

const idOf = ({ folder, ref }: { readonly folder: string; readonly ref: string }): string =>
  JSON.stringify([folder, ref])

/** Something that sync could not do; lists are ordered by `lastAt`, then `id`. */
export type SyncError = {
  readonly id: string
  readonly kind: 'unreadable' | 'withheld'
  /** To retry or skip by; null for one that is withheld. */
  readonly messageId: string | null
  readonly folder: string
  readonly ref: string
  readonly reason: string
  readonly attempts: number
  readonly firstAt: string
  readonly lastAt: string
}

const toError = (row: SyncErrorRow): SyncError => ({
  id: row.id,
  kind: row.kind === 'withheld' ? 'withheld' : 'unreadable',
  messageId: row.message_id,
  folder: row.folder,
  ref: row.ref,
  reason: row.reason,
  attempts: row.attempts,
  firstAt: row.first_at,
  lastAt: row.last_at,
})

/** Open errors of an account, the latest first; up to `limit` behind the key `after`. */
export const listSyncErrors =
  (db: Kysely<unknown>) =>
  async (
    accountId: string,
    after: readonly [lastAt: string, id: string] | null,
    limit: number,
  ): Promise<SyncError[]> => {
    const rows = await tablesOf(db, syncErrors)
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
    return rows.map(toError)
  }
