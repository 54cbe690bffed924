import { sql, type Kysely } from 'kysely'
import {
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
} from '../../domain/accounts/events.ts'
import { OrganizationRecorded } from '../../domain/directory/events.ts'
import { EmailSent } from '../../domain/sending/events.ts'
import { ChangesSynced, MessageSynced, SyncRunFinished, SyncRunStarted } from '../../domain/sync/events.ts'
import {
  integer,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type MayRead,
  type RowOf,
} from '../projection.ts'

const account = table({
  columns: {
    account_id: text,
    address: text,
    lifecycle: text,
    /** Number of the run that runs; null while none does. */
    running: nullable(integer),
    outcome: nullable(text),
    kind: nullable(text),
    code: nullable(text),
    detail: nullable(text),
    remedy: nullable(text),
    last_sync_at: nullable(timestamp),
    emails_synced: integer,
    /** How many messages the mailbox does not hand out. */
    withheld: integer,
  },
  key: ['account_id'],
})
type Row = RowOf<typeof account>

/** How an account's sync is doing, and how much mail came and went. */
export const syncStatus = projection({
  name: 'sync-status',
  version: 1,
  tables: {
    account,
    /** Figures by quarter hours, of which the days of every time zone are made. */
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
    /** Messages of ours that were met in the mailbox: one that lies there twice counts once. */
    copy: table({ columns: { outgoing_id: text }, key: ['outgoing_id'] }),
    zone: table({ columns: { id: text, name: text }, key: ['id'] }),
  },
  events: [
    AccountConnected,
    AccountPaused,
    AccountResumed,
    AccountDisconnected,
    SyncRunStarted,
    ChangesSynced,
    SyncRunFinished,
    MessageSynced,
    EmailSent,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    if (event.type === 'OrganizationRecorded')
      return rows.put('zone', { id: 'main', name: event.data.organization.timeZone })
    const { accountId } = event.data
    const count = (at: string, figure: 'sent' | 'sent_elsewhere' | 'received') => {
      const key = { account_id: accountId, starts_at: quarterOf(at) }
      const before = rows.get('quarter', key) ?? { ...key, sent: 0, sent_elsewhere: 0, received: 0 }
      rows.put('quarter', { ...before, [figure]: before[figure] + 1 })
    }
    if (event.type === 'EmailSent') return count(event.data.sentAt, 'sent')
    if (event.type === 'AccountConnected') return rows.put('account', fresh(accountId, event.data.address))
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
      case 'ChangesSynced':
        row.withheld = event.data.withheld.length
        break
      case 'SyncRunStarted':
        row.running = event.data.number
        break
      case 'SyncRunFinished': {
        const { outcome, kind = null, code, detail, remedy } = event.data
        row.running = null
        if (outcome === 'abandoned') break
        Object.assign(row, { outcome, kind, code, detail, remedy })
        if (outcome !== 'failed') row.last_sync_at = event.metadata.occurredAt
        break
      }
      case 'AccountPaused':
        row.lifecycle = 'paused'
        break
      case 'AccountResumed':
        row.lifecycle = 'active'
        break
      case 'AccountDisconnected':
        row.lifecycle = 'disconnected'
        break
    }
    rows.put('account', row)
  },
})

const fresh = (account_id: string, address: string): Row => ({
  account_id,
  address,
  lifecycle: 'active',
  running: null,
  outcome: null,
  kind: null,
  code: null,
  detail: null,
  remedy: null,
  last_sync_at: null,
  emails_synced: 0,
  withheld: 0,
})

const QUARTER_MS = 15 * 60_000

const quarterOf = (at: string): string =>
  new Date(Math.floor(Date.parse(at) / QUARTER_MS) * QUARTER_MS).toISOString()

/**
 * `degraded`: the last run missed something, failed for a reason that time may mend, or messages are withheld.
 * `needs-attention`: only a person can help, who signs in again or allows more. `connecting`: no run has ended yet.
 */
type SyncState = 'connecting' | 'active' | 'degraded' | 'needs-attention' | 'paused' | 'disconnected'

const needsPerson = (kind: string | null): boolean => kind === 'sign-in-again' || kind === 'scope-missing'

const stateOf = (row: Row): SyncState => {
  if (row.lifecycle === 'paused' || row.lifecycle === 'disconnected') return row.lifecycle
  if (row.outcome === null) return 'connecting'
  if (row.outcome === 'failed') return needsPerson(row.kind) ? 'needs-attention' : 'degraded'
  return row.outcome === 'partial' || row.withheld > 0 ? 'degraded' : 'active'
}

export type SyncStatus = {
  accountId: string
  address: string
  status: SyncState
  running: boolean
  lastSyncAt: string | null
  problem: { code: string; detail: string; remedy: string } | null
  /** Messages that the mailbox does not hand out. */
  withheld: number
  statistics: {
    emailsSynced: number
    todaysSends: number
    todaysSendsElsewhere: number
    todaysReceives: number
  }
  timeZone: string
}

/**
 * One account's status, if this user (null: anybody) may read it; today's figures are those of the day in the
 * organisation's zone that `now` lies in.
 */
export const findSyncStatus =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (accountId: string, now: Date, userId: string | null): Promise<SyncStatus | null> => {
    if (!(await mayRead(accountId, userId))) return null
    const tables = tablesOf(db, syncStatus)
    const row = await tables
      .selectFrom('account')
      .selectAll()
      .where('account_id', '=', accountId)
      .executeTakeFirst()
    if (!row) return null
    const zone = await tables.selectFrom('zone').select('name').where('id', '=', 'main').executeTakeFirst()
    const timeZone = zone?.name ?? 'UTC'
    const at = now.toISOString()
    const day = (shift: number) =>
      sql<string>`(date_trunc('day', ${at}::timestamptz at time zone ${timeZone}) + ${shift} * interval '1 day') at time zone ${timeZone}`
    const today = await tables
      .selectFrom('quarter')
      .select((of) => [
        of.fn.coalesce(of.fn.sum<number>('sent'), sql<number>`0`).as('sent'),
        of.fn.coalesce(of.fn.sum<number>('sent_elsewhere'), sql<number>`0`).as('sent_elsewhere'),
        of.fn.coalesce(of.fn.sum<number>('received'), sql<number>`0`).as('received'),
      ])
      .where('account_id', '=', accountId)
      .where('starts_at', '>=', day(0))
      .where('starts_at', '<', day(1))
      .executeTakeFirstOrThrow()
    const { code, detail, remedy } = row
    return {
      accountId,
      address: row.address,
      status: stateOf(row),
      running: row.running !== null,
      lastSyncAt: row.last_sync_at,
      problem: code === null ? null : { code, detail: detail ?? '', remedy: remedy ?? '' },
      withheld: row.withheld,
      statistics: {
        emailsSynced: row.emails_synced,
        todaysSends: today.sent,
        todaysSendsElsewhere: today.sent_elsewhere,
        todaysReceives: today.received,
      },
      timeZone,
    }
  }
