import { sql, type Kysely } from 'kysely'
import {
  AccountConnected,
  AccountConnectionChanged,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  type AccountSettings,
} from '../../domain/accounts/events.ts'
import { DeliveryReportRead, EmailBounced, EmailDelivered, EmailSent } from '../../domain/sending/events.ts'
import { keepsReports } from '../../domain/sending/watched.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import { MessageSynced, SyncRunFinished, SyncRunStarted } from '../../domain/sync/events.ts'
import {
  boolean,
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

/**
 * `sees`: bounces are read and kept, and the last run succeeded. Bounces of emails that were sent since `seen_from` are
 * seen, and have been up to `seen_until`; null while unknown.
 */
const account = table({
  columns: {
    id: text,
    address: text,
    receives: boolean,
    active: boolean,
    failing: boolean,
    settings: json<AccountSettings>(),
    sees: boolean,
    run: integer,
    run_began_at: nullable(timestamp),
    seen_from: nullable(timestamp),
    seen_until: nullable(timestamp),
  },
  key: ['id'],
})
type Account = RowOf<typeof account>

const DAY_MS = 86_400_000

const accountEvents = [
  AccountConnected,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountPaused,
  AccountResumed,
  AccountDisconnected,
  SyncRunStarted,
  SyncRunFinished,
] as const
type AccountEvent = RecordedEvent<EventOf<(typeof accountEvents)[number]>>

/** To do: sent emails with recipients of whom it is not known whether they have it. */
export const deliveriesDue = projection({
  name: 'deliveries-due',
  version: 4,
  tables: {
    email: table({
      columns: {
        id: text,
        account_id: text,
        sent_at: timestamp,
        silent_from: timestamp,
        open: json<string[]>(),
      },
      key: ['id'],
      indexes: ['(account_id, silent_from, id)'],
    }),
    account,
    /** Reports that were synced but not read yet: their content comes first. */
    unread: table({ columns: { id: text, account_id: text }, key: ['id'], indexes: ['(account_id)'] }),
  },
  events: [EmailSent, EmailDelivered, EmailBounced, MessageSynced, DeliveryReportRead, ...accountEvents],
  fold: (event, rows) => {
    switch (event.type) {
      case 'EmailSent': {
        const { outgoingId: id, accountId: account_id, accepted, sentAt } = event.data
        const row = rows.get('email', { id })
        return rows.put('email', {
          id,
          account_id,
          sent_at: row?.sent_at ?? sentAt,
          silent_from: later(row?.silent_from, sentAt),
          open: [...(row?.open ?? []), ...accepted],
        })
      }
      case 'EmailDelivered':
      case 'EmailBounced': {
        const { outgoingId: id, accountId: account_id } = event.data
        // What is heard of one that was done with is heard: only from then on may anything have been missed.
        const at = event.metadata.occurredAt
        const done = { id, account_id, sent_at: at, silent_from: at, open: [] }
        const changed = heard(rows.get('email', { id }) ?? done, event)
        return changed.open.length === 0 ? rows.remove('email', { id }) : rows.put('email', changed)
      }
      case 'MessageSynced': {
        const { messageId: id, accountId: account_id, automatic } = event.data
        return automatic === 'report' ? rows.put('unread', { id, account_id }) : undefined
      }
      case 'DeliveryReportRead':
        return rows.remove('unread', { id: event.data.messageId })
      case 'AccountConnected':
      case 'AccountConnectionChanged':
      case 'AccountDisconnected':
      case 'AccountPaused':
      case 'AccountResumed':
      case 'AccountSettingsChanged':
      case 'SyncRunFinished':
      case 'SyncRunStarted': {
        const { accountId: id } = event.data
        const before = event.type === 'AccountConnected' ? fresh(event.data) : rows.get('account', { id })
        if (before) rows.put('account', accountAfter(before, event))
      }
    }
  },
})

type Email = { id: string; account_id: string; sent_at: string; silent_from: string; open: string[] }

const later = (one: string | undefined, other: string): string =>
  one !== undefined && one > other ? one : other

/** Drops the recipients that are settled; if a server keeps trying, waits for it. */
const heard = (
  row: Email,
  { type, data }: EventOf<typeof EmailDelivered> | EventOf<typeof EmailBounced>,
): Email => {
  if (type === 'EmailDelivered')
    return { ...row, open: row.open.filter((address) => !data.recipients.includes(address)) }
  const { recipient, silentUntil } = data
  if (recipient === null) return { ...row, open: [] }
  const open = row.open.filter((address) => address !== recipient)
  if (silentUntil === null) return { ...row, open }
  return { ...row, open: [...open, recipient], silent_from: later(row.silent_from, silentUntil) }
}

const fresh = ({
  accountId: id,
  address,
  receives,
  settings,
}: EventOf<typeof AccountConnected>['data']): Account => ({
  id,
  address,
  receives,
  active: true,
  failing: false,
  settings,
  sees: false,
  run: 0,
  run_began_at: null,
  seen_from: null,
  seen_until: null,
})

const accountAfter = (before: Account, event: AccountEvent): Account => {
  const row = changed(before, event)
  const { syncDirection, excludePatterns } = row.settings
  const isRead = row.receives && row.active && syncDirection !== 'send' && !row.failing
  const sees = isRead && keepsReports(row.address, excludePatterns)
  // A run that began before this does not count: it may have looked elsewhere.
  const anew = event.type !== 'SyncRunFinished' && sees && !before.sees
  return { ...row, sees, ...(anew ? { run_began_at: null, seen_until: null } : {}) }
}

const changed = (row: Account, event: AccountEvent): Account => {
  switch (event.type) {
    case 'AccountConnected':
      return row
    case 'AccountConnectionChanged':
      return { ...row, receives: event.data.receives }
    case 'AccountSettingsChanged': {
      const { settings } = event.data
      // What a pattern kept out meanwhile is not met again.
      const wasKept = keepsReports(row.address, row.settings.excludePatterns)
      return { ...row, settings, seen_from: wasKept ? row.seen_from : event.metadata.occurredAt }
    }
    case 'AccountPaused':
    case 'AccountDisconnected':
      return { ...row, active: false }
    case 'AccountResumed':
      return { ...row, active: true }
    case 'SyncRunStarted':
      return { ...row, run: event.data.number, run_began_at: event.metadata.occurredAt }
    case 'SyncRunFinished': {
      const { number, outcome, inboxRead = false } = event.data
      if (outcome === 'abandoned') return row
      const after = { ...row, failing: outcome === 'failed' }
      const began = number === row.run ? row.run_began_at : null
      if (!inboxRead || began === null) return after
      return { ...after, seen_from: row.seen_from ?? windowOf(row, began), seen_until: began }
    }
  }
}

/** How far back the first run looks; what came in before that is never read. */
const windowOf = ({ settings: { historyDays } }: Account, began: string): string =>
  historyDays === null
    ? '0001-01-01T00:00:00.000Z'
    : new Date(Date.parse(began) - historyDays * DAY_MS).toISOString()

/** Emails of which nothing has come back for `windowMinutes`, as far as returned mail has been seen; oldest first. */
export const dueDeliveries =
  (db: Kysely<unknown>) =>
  (windowMinutes: number, limit: number): Promise<{ id: string; seenUntil: string }[]> =>
    tablesOf(db, deliveriesDue)
      .selectFrom('email')
      .innerJoin('account', 'account.id', 'email.account_id')
      .select(['email.id', 'seen_until as seenUntil'])
      .where('sees', '=', true)
      .whereRef('sent_at', '>=', 'seen_from')
      .where('silent_from', '<=', sql<string>`seen_until - ${windowMinutes} * interval '1 minute'`)
      .where((of) =>
        of.not(
          of.exists(
            of
              .selectFrom('unread')
              .select('unread.id')
              .whereRef('unread.account_id', '=', 'email.account_id'),
          ),
        ),
      )
      .$narrowType<{ seenUntil: string }>()
      .orderBy('silent_from')
      .orderBy('email.id')
      .limit(limit)
      .execute()
