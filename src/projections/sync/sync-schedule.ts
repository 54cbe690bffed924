import { sql, type Kysely } from 'kysely'
import {
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountSettingsChanged,
  SyncRequested,
  type AccountSettings,
} from '../../domain/accounts/events.ts'
import type { EventOf } from '../../domain/event.ts'
import { SyncRunFinished, SyncRunStarted } from '../../domain/sync/events.ts'
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

type What = Pick<
  AccountSettings,
  'syncFrequencyMinutes' | 'syncDirection' | 'folders' | 'folderRoles' | 'historyDays' | 'excludePatterns'
>

const account = table({
  columns: {
    account_id: text,
    active: boolean,
    receives: boolean,
    settings: json<What>(),
    /** Why it is due early: a person asked, a connection test passed, or it was never read. */
    asked: nullable(text),
    last_run: integer,
    last_finished: integer,
    last_finished_at: nullable(timestamp),
    failures: integer,
    /** The last run failed on something that only a person can fix. */
    needs_person: boolean,
    /** The provider asked us not to come back before this. */
    until: nullable(timestamp),
    credential_version: integer,
    due_at: nullable(timestamp),
  },
  key: ['account_id'],
  indexes: ['(due_at, account_id) WHERE due_at IS NOT NULL'],
})
type Row = RowOf<typeof account>

/**
 * The to-do list of sync: which account is due, and when. Due right away are accounts with a request, new ones, and
 * those whose connection was tested and works; the others at their frequency after the last run. After failures the
 * pause doubles, starting at an hour if only a person can help.
 */
export const syncSchedule = projection({
  name: 'sync-schedule',
  version: 2,
  tables: { account },
  events: [
    AccountConnected,
    AccountConnectionChanged,
    AccountConnectionTested,
    AccountSettingsChanged,
    SyncRequested,
    AccountPaused,
    AccountResumed,
    AccountDisconnected,
    SyncRunStarted,
    SyncRunFinished,
  ],
  fold: (event, rows) => {
    const { accountId } = event.data
    const row =
      event.type === 'AccountConnected' ? fresh(event.data) : rows.get('account', { account_id: accountId })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    switch (event.type) {
      case 'AccountConnected':
        break
      case 'AccountConnectionChanged':
        row.receives = event.data.receives
        row.credential_version = event.data.credentialVersion
        Object.assign(row, mended, { asked: 'request' })
        break
      case 'AccountConnectionTested':
        if (event.data.ok) Object.assign(row, mended, { asked: row.asked ?? 'test' })
        break
      case 'AccountSettingsChanged': {
        const settings = whatOf(event.data.settings)
        if (reads(row.settings) !== reads(settings)) row.asked ??= 'request'
        row.settings = settings
        break
      }
      case 'SyncRequested':
        row.asked = 'request'
        break
      case 'AccountPaused':
      case 'AccountDisconnected':
        row.active = false
        break
      case 'AccountResumed':
        row.active = true
        row.asked ??= 'request'
        break
      case 'SyncRunStarted':
        // This run may already be past anything requested from here on.
        row.asked = null
        row.last_run = Math.max(row.last_run, event.data.number)
        return rows.put('account', row)
      case 'SyncRunFinished': {
        const { outcome, kind, until = null } = event.data
        if (outcome === 'abandoned') return
        row.last_finished_at = event.recordedAt
        row.last_finished = event.data.number
        if (outcome === 'stopped') break
        row.failures = outcome === 'failed' ? row.failures + 1 : 0
        row.needs_person = kind === 'sign-in-again' || kind === 'scope-missing'
        row.until = until
        break
      }
    }
    row.due_at = dueAt(row, event.recordedAt)
    rows.put('account', row)
  },
})

/** Whatever was wrong no longer is. */
const mended = { failures: 0, needs_person: false, until: null }

const fresh = ({
  accountId,
  receives,
  credentialVersion,
  settings,
}: EventOf<typeof AccountConnected>['data']): Row => ({
  account_id: accountId,
  active: true,
  receives,
  settings: whatOf(settings),
  asked: 'connect',
  last_run: 0,
  last_finished: 0,
  last_finished_at: null,
  failures: 0,
  needs_person: false,
  until: null,
  credential_version: credentialVersion,
  due_at: null,
})

const whatOf = (settings: AccountSettings): What => {
  const { syncFrequencyMinutes, syncDirection, folders, folderRoles, historyDays, excludePatterns } = settings
  return { syncFrequencyMinutes, syncDirection, folders, folderRoles, historyDays, excludePatterns }
}

/** What decides which mail is read: changing it warrants a run right away. */
const reads = ({ syncDirection, folders, folderRoles, historyDays, excludePatterns }: What): string =>
  JSON.stringify([syncDirection, folders.toSorted(), folderRoles, historyDays, excludePatterns])

const HOUR = 60
const DAY = 24 * HOUR

const dueAt = (row: Row, now: string): string | null => {
  if (!row.active || !row.receives || row.settings.syncDirection === 'send') return null
  // A person who asks gets an answer, even if it only says what is wrong.
  if (row.asked !== null || row.last_finished_at === null) return now
  const { syncFrequencyMinutes: frequency } = row.settings
  const doubled = (row.needs_person ? HOUR : frequency) * 2 ** Math.max(row.failures - 1, 0)
  const minutes = Math.max(frequency, Math.min(doubled, row.needs_person ? DAY : HOUR))
  const due = new Date(Date.parse(row.last_finished_at) + minutes * 60_000).toISOString()
  return row.until !== null && row.until > due ? row.until : due
}

export type DueAccount = {
  accountId: string
  trigger: 'schedule' | 'request' | 'connect'
  /** The latest run that the list has seen end; it may lag behind a run that just ended. */
  lastRun: number
}

/** Accounts that are due at `now`, longest waiting first. */
export const dueAccounts =
  (db: Kysely<unknown>) =>
  async (now: Date, limit: number): Promise<DueAccount[]> => {
    const rows = await tablesOf(db, syncSchedule)
      .selectFrom('account')
      .select(['account_id', 'asked', 'last_finished'])
      .where('due_at', '<=', now.toISOString())
      .orderBy('due_at')
      .orderBy('account_id')
      .limit(limit)
      .execute()
    return rows.map((row) => ({
      accountId: row.account_id,
      trigger: row.asked === 'request' || row.asked === 'connect' ? row.asked : 'schedule',
      lastRun: row.last_finished,
    }))
  }

/**
 * An account whose mailbox may be watched; failing ones are left to the schedule. A different `version` means that it
 * is reached differently.
 */
export type WatchableAccount = { accountId: string; version: number }

const watchable = (db: Kysely<unknown>) =>
  tablesOf(db, syncSchedule)
    .selectFrom('account')
    .select(['account_id', 'credential_version'])
    .where('active', '=', sql.lit(true))
    .where('receives', '=', sql.lit(true))
    .where('failures', '=', 0)
    .where(sql<boolean>`settings ->> 'syncDirection' <> 'send'`)

const toWatchable = (row: { account_id: string; credential_version: number }): WatchableAccount => ({
  accountId: row.account_id,
  version: row.credential_version,
})

/** Accounts that may be watched, after `after`, ordered by id. */
export const watchableAccounts =
  (db: Kysely<unknown>) =>
  async (after: string | null, limit: number): Promise<WatchableAccount[]> => {
    const rows = await watchable(db)
      .$if(after !== null, (query) => query.where('account_id', '>', after!))
      .orderBy('account_id')
      .limit(limit)
      .execute()
    return rows.map(toWatchable)
  }

/** Those of these accounts that may be watched. */
export const stillWatchable =
  (db: Kysely<unknown>) =>
  async (accountIds: readonly string[]): Promise<WatchableAccount[]> => {
    const rows = await watchable(db)
      .where(sql<boolean>`account_id = any(${[...accountIds]}::text[])`)
      .execute()
    return rows.map(toWatchable)
  }

/** The number of an account's latest known run, 0 if there is none: the search for the next starts there. */
export const lastRunOf =
  (db: Kysely<unknown>) =>
  async (accountId: string): Promise<number> => {
    const row = await tablesOf(db, syncSchedule)
      .selectFrom('account')
      .select('last_run')
      .where('account_id', '=', accountId)
      .executeTakeFirst()
    return row?.last_run ?? 0
  }
