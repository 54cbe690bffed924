import { sql, type Kysely } from 'kysely'
import { AccountConnected } from '../../domain/accounts/events.ts'
import {
  freshSchedule,
  scheduleAfter,
  scheduleEvents,
  type SyncSchedule,
} from '../../domain/sync/sync-schedule.ts'
import { integer, json, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

const account = table({
  columns: {
    account_id: text,
    schedule: json<SyncSchedule>(),
    due_at: nullable(timestamp),
    credential_version: integer,
    last_run: integer,
    last_finished: integer,
  },
  key: ['account_id'],
  indexes: ['(due_at, account_id) WHERE due_at IS NOT NULL'],
})

/** The to-do list of sync: which account is due, and when. */
export const syncSchedule = projection({
  name: 'sync-schedule',
  version: 4,
  tables: { account },
  events: [AccountConnected, ...scheduleEvents],
  fold: (event, rows) => {
    const { accountId: account_id } = event.data
    if (event.type === 'AccountConnected') {
      const schedule = freshSchedule(event)
      const { credentialVersion: credential_version } = event.data
      const due_at = schedule.dueAt
      return rows.put('account', {
        account_id,
        schedule,
        due_at,
        credential_version,
        last_run: 0,
        last_finished: 0,
      })
    }
    const row = rows.get('account', { account_id })
    if (!row) throw new Error(`${event.type} of an account that was not connected`)
    if (event.type === 'AccountConnectionChanged') row.credential_version = event.data.credentialVersion
    if (event.type === 'SyncRunStarted') row.last_run = Math.max(row.last_run, event.data.number)
    if (event.type === 'SyncRunFinished' && event.data.outcome !== 'abandoned')
      row.last_finished = event.data.number
    row.schedule = scheduleAfter(row.schedule, event)
    row.due_at = row.schedule.dueAt
    rows.put('account', row)
  },
})

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
      .select(['account_id', 'schedule', 'last_finished'])
      .where('due_at', '<=', now.toISOString())
      .orderBy('due_at')
      .orderBy('account_id')
      .limit(limit)
      .execute()
    return rows.map(({ account_id, schedule: { asked }, last_finished }) => ({
      accountId: account_id,
      trigger: asked === 'request' || asked === 'connect' ? asked : 'schedule',
      lastRun: last_finished,
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
    .where('due_at', 'is not', null)
    .where(sql<boolean>`schedule -> 'failures' = '0'`)

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
