import type { Kysely } from 'kysely'
import { WithheldMessageDismissed } from '../../domain/accounts/events.ts'
import {
  ChangesSynced,
  MessageQuarantined,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
  type WhyNotHere,
} from '../../domain/sync/events.ts'
import {
  integer,
  isWithin,
  json,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
  type Span,
  type RowOf,
} from '../projection.ts'

const syncError = table({
  columns: {
    account_id: text,
    /** `msg_…` of a quarantined message; otherwise folder and reference. */
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
  indexes: [
    '(account_id, last_at DESC, id DESC)',
    '(account_id, kind, last_at DESC, id DESC)',
    '(account_id, folder, last_at DESC, id DESC)',
  ],
})
type SyncErrorRow = RowOf<typeof syncError>

/**
 * What sync could not do and somebody may want to know: messages that could not be read (`unreadable`, kept raw), until
 * they are retried successfully or skipped; and messages that the mailbox lists but that are not here (`withheld`,
 * `too-large`, `not-stored`), until they are stored, are gone from the mailbox, or are dismissed.
 */
export const syncErrors = projection({
  name: 'sync-errors',
  version: 3,
  tables: {
    sync_error: syncError,
    withheld: table({ columns: { account_id: text, ids: json<string[]>() }, key: ['account_id'] }),
    dismissed: table({ columns: { account_id: text, id: text }, key: ['account_id', 'id'] }),
  },
  events: [
    ChangesSynced,
    MessageQuarantined,
    QuarantinedMessageSkipped,
    QuarantinedMessageReleased,
    WithheldMessageDismissed,
  ],
  fold: (event, rows) => {
    const account_id = event.data.accountId
    const at = event.metadata.occurredAt
    const put = (
      id: string,
      row: Pick<SyncErrorRow, 'kind' | 'message_id' | 'folder' | 'ref' | 'reason' | 'attempts' | 'size'>,
    ) => {
      const first_at = rows.get('sync_error', { account_id, id })?.first_at ?? at
      rows.put('sync_error', { account_id, id, ...row, first_at, last_at: at })
    }
    switch (event.type) {
      case 'QuarantinedMessageSkipped':
      case 'QuarantinedMessageReleased':
        return rows.remove('sync_error', { account_id, id: event.data.messageId })
      case 'MessageQuarantined': {
        const { messageId: message_id, placement, reason, attempts, size } = event.data
        const { folder, ref } = placement
        return put(message_id, { kind: 'unreadable', message_id, folder, ref, reason, attempts, size })
      }
      case 'WithheldMessageDismissed': {
        const key = { account_id, id: idOf(event.data) }
        rows.put('dismissed', key)
        return rows.remove('sync_error', key)
      }
      case 'ChangesSynced': {
        const { withheld, failures } = event.data
        const still = new Map(withheld.map(({ placement, why }) => [idOf(placement), why]))
        const ids = [...still.keys()]
        const before = rows.get('withheld', { account_id })?.ids ?? []
        for (const id of before) if (!still.has(id)) rows.remove('sync_error', { account_id, id })
        for (const { folder, ref, reason, attempts, messageId } of failures) {
          const id = idOf({ folder, ref })
          const kind: WhyNotHere | undefined = messageId === undefined ? still.get(id) : undefined
          // A run that was in progress when it was dismissed may name it once more.
          if (kind === undefined || rows.get('dismissed', { account_id, id })) continue
          put(id, { kind, message_id: null, folder, ref, reason, attempts, size: null })
        }
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
  readonly kind: 'unreadable' | WhyNotHere
  /** For retrying or skipping; null for a message that is not here. */
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
  kind: row.kind as SyncError['kind'],
  messageId: row.message_id,
  folder: row.folder,
  ref: row.ref,
  reason: row.reason,
  attempts: row.attempts,
  firstAt: row.first_at,
  lastAt: row.last_at,
})

/** What a list of errors is narrowed down to; what is undefined narrows nothing. */
type ErrorFilter = {
  readonly accountId: string
  readonly kind?: SyncError['kind'] | undefined
  readonly folder?: string | undefined
} & Span

/** Open errors of an account in the order in which they last happened. */
export const listSyncErrors =
  (db: Kysely<unknown>) =>
  async (filter: ErrorFilter, page: Page): Promise<SyncError[]> => {
    const { accountId, kind, folder } = filter
    const found = tablesOf(db, syncErrors)
      .selectFrom('sync_error')
      .selectAll()
      .where('account_id', '=', accountId)
      .where(isWithin('last_at', filter))
      .$if(kind !== undefined, (query) => query.where('kind', '=', kind!))
      .$if(folder !== undefined, (query) => query.where('folder', '=', folder!))
    const order = { column: 'last_at', type: 'timestamptz' } as const
    const rows = await paged(found, order, page).execute()
    return rows.map(toError)
  }

/** Whether this withheld message is among the open errors. */
export const isWithheld =
  (db: Kysely<unknown>) =>
  async (accountId: string, place: { readonly folder: string; readonly ref: string }): Promise<boolean> => {
    const row = await tablesOf(db, syncErrors)
      .selectFrom('sync_error')
      .select('id')
      .where('account_id', '=', accountId)
      .where('id', '=', idOf(place))
      .executeTakeFirst()
    return row !== undefined
  }
