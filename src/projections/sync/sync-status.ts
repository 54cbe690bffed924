import { sql, type Kysely } from 'kysely'
import { dayIn, quarterOf, spanOfDays } from '../../domain/analytics/calendar-day.ts'
import { AccountConnected } from '../../domain/accounts/events.ts'
import { OrganizationRecorded } from '../../domain/directory/events.ts'
import { EmailSent } from '../../domain/sending/events.ts'
import { MessageSynced, SyncRunFinished, SyncRunStarted } from '../../domain/sync/events.ts'
import { absenceAfter, isAbsent } from '../../domain/sync/absence.ts'
import { presenceChanges } from '../../domain/sync/presence-events.ts'
import {
  boolean,
  integer,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type RowOf,
} from '../projection.ts'

const account = table({
  columns: {
    account_id: text,
    /** Number of the current run; null if there is none. */
    running: nullable(integer),
    last_sync_at: nullable(timestamp),
    emails_synced: integer,
  },
  key: ['account_id'],
})
type Row = RowOf<typeof account>

/** Whether an account is being synced, when it last was, and how much mail came and went. */
export const syncStatus = projection({
  name: 'sync-status',
  version: 4,
  tables: {
    account,
    quarter: table({
      columns: {
        account_id: text,
        starts_at: timestamp,
        sent: integer,
        sent_elsewhere: integer,
        received: integer,
      },
      key: ['account_id', 'starts_at'],
    }),
    /** Emails of ours that were found in the mailbox: one that is there twice counts once. */
    copy: table({ columns: { outgoing_id: text }, key: ['outgoing_id'] }),
    /** What was deleted or is hidden, and so does not count. */
    absent: table({ columns: { id: text, deleted: boolean, hidden: boolean }, key: ['id'] }),
    zone: table({ columns: { id: text, name: text }, key: ['id'] }),
  },
  events: [
    AccountConnected,
    SyncRunStarted,
    SyncRunFinished,
    MessageSynced,
    ...presenceChanges,
    EmailSent,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    if (event.type === 'OrganizationRecorded')
      return rows.put('zone', { id: 'main', name: event.data.organization.timeZone })
    const { accountId } = event.data
    const count = (at: string, figure: 'sent' | 'sent_elsewhere' | 'received', more: 1 | -1 = 1) => {
      const key = { account_id: accountId, starts_at: quarterOf(at) }
      const before = rows.get('quarter', key) ?? { ...key, sent: 0, sent_elsewhere: 0, received: 0 }
      rows.put('quarter', { ...before, [figure]: before[figure] + more })
    }
    if (event.type === 'EmailSent') return event.data.first ? count(event.data.sentAt, 'sent') : undefined
    if (event.type === 'AccountConnected') return rows.put('account', fresh(accountId))
    const row = rows.get('account', { account_id: accountId })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    switch (event.type) {
      case 'MessageSynced': {
        const { outgoingId, direction, receivedAt } = event.data
        if (outgoingId !== null) {
          if (rows.get('copy', { outgoing_id: outgoingId })) return
          rows.put('copy', { outgoing_id: outgoingId })
        } else count(receivedAt, direction === 'in' ? 'received' : 'sent_elsewhere')
        row.emails_synced++
        break
      }
      case 'MessageDeleted':
      case 'MessageRestored':
      case 'MessageHidden':
      case 'MessageShown': {
        const { messageId: id, direction, receivedAt } = event.data
        const before = rows.get('absent', { id })
        const absence = absenceAfter(before, event)
        const gone = isAbsent(absence)
        if (gone) rows.put('absent', { id, ...absence })
        else rows.remove('absent', { id })
        // Emails of ours count as such, whatever becomes of their copies.
        if ((before !== undefined) === gone || direction === 'draft' || id.startsWith('out_')) return
        const more = gone ? -1 : 1
        count(receivedAt, direction === 'in' ? 'received' : 'sent_elsewhere', more)
        row.emails_synced += more
        break
      }
      case 'SyncRunStarted':
        row.running = event.data.number
        break
      case 'SyncRunFinished': {
        const { outcome } = event.data
        row.running = null
        if (outcome === 'success' || outcome === 'partial') row.last_sync_at = event.metadata.occurredAt
        break
      }
    }
    rows.put('account', row)
  },
})

const fresh = (account_id: string): Row => ({
  account_id,
  running: null,
  last_sync_at: null,
  emails_synced: 0,
})

/** How many were sent and received in one day. `sentElsewhere`: with other programs, found in the mailbox. */
type DayFigures = { readonly sent: number; readonly sentElsewhere: number; readonly received: number }

/**
 * Figures for the day of `now` in the organisation's current time zone: of these accounts together, or of all if null.
 */
export const figuresToday =
  (db: Kysely<unknown>) =>
  async (
    accountIds: readonly string[] | null,
    now: Date,
  ): Promise<DayFigures & { readonly timeZone: string }> => {
    const tables = tablesOf(db, syncStatus)
    const zone = await tables.selectFrom('zone').select('name').where('id', '=', 'main').executeTakeFirst()
    const timeZone = zone?.name ?? 'UTC'
    const today = dayIn(timeZone, now.toISOString())
    const { start, end } = spanOfDays(timeZone, { from: today, to: today })
    const figures = await tables
      .selectFrom('quarter')
      .select([sum('sent').as('sent'), sum('sent_elsewhere').as('sentElsewhere')])
      .select(sum('received').as('received'))
      .$if(accountIds !== null, (query) =>
        query.where(sql<boolean>`account_id = any(${[...(accountIds ?? [])]}::text[])`),
      )
      .where('starts_at', '>=', start)
      .where('starts_at', '<', end)
      .executeTakeFirstOrThrow()
    return { ...figures, timeZone }
  }

const sum = (figure: string) => sql<number>`coalesce(sum(${sql.ref(figure)}), 0)::bigint`

type SyncFigures = {
  readonly running: boolean
  readonly lastSyncAt: string | null
  readonly statistics: {
    readonly emailsSynced: number
    readonly todaysSends: number
    readonly todaysSendsElsewhere: number
    readonly todaysReceives: number
  }
  readonly timeZone: string
}

/** How the sync of an account is doing. Its status is in the account list. */
export const findSyncFigures =
  (db: Kysely<unknown>) =>
  async (accountId: string, now: Date): Promise<SyncFigures | null> => {
    const row = await tablesOf(db, syncStatus)
      .selectFrom('account')
      .selectAll()
      .where('account_id', '=', accountId)
      .executeTakeFirst()
    if (!row) return null
    const { timeZone, sent, sentElsewhere, received } = await figuresToday(db)([accountId], now)
    return {
      running: row.running !== null,
      lastSyncAt: row.last_sync_at,
      statistics: {
        emailsSynced: row.emails_synced,
        todaysSends: sent,
        todaysSendsElsewhere: sentElsewhere,
        todaysReceives: received,
      },
      timeZone,
    }
  }
