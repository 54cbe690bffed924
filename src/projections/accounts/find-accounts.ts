import { sql, type Kysely } from 'kysely'
import type { Connection, TestStep } from '../../domain/accounts/connection.ts'
import type { AccountSettings, Owner } from '../../domain/accounts/events.ts'
import { tablesOf } from '../projection.ts'
import { accountList, type AccountRow } from './account-list.ts'

/** An email account as people see it; lists are ordered by `connectedAt`, then `id`. */
export type AccountItem = {
  readonly id: string
  readonly address: string
  /** What people call the kind of connection, such as `IMAP`. */
  readonly provider: string
  readonly owner: Owner
  /** The owner's name, or Team. */
  readonly user: string
  readonly status: 'active' | 'degraded' | 'failing' | 'paused' | 'disconnected'
  readonly statusDetail: string | null
  readonly remedy: string | null
  readonly isDefault: boolean
  readonly settings: AccountSettings
  readonly connection: Connection
  readonly signature: string
  readonly lastTest: { readonly at: string; readonly ok: boolean; readonly steps: TestStep[] } | null
  readonly connectedAt: string
  readonly revision: number
}

/** `titleOf`: what people call an account with this connection. */
export type AccountQueryDeps = { readonly titleOf: (connection: Connection) => string }

const toItem = (row: AccountRow & { owner_name: string | null }, provider: string): AccountItem => {
  const running = row.status === 'active' && row.health.state !== 'ok'
  return {
    id: row.id,
    address: row.address,
    provider,
    owner: row.owner_user === null ? { kind: 'team' } : { kind: 'user', userId: row.owner_user },
    user: row.owner_user === null ? 'Team' : (row.owner_name ?? row.owner_user),
    status: (running ? row.health.state : row.status) as AccountItem['status'],
    statusDetail: running ? row.health.detail : row.status_reason,
    remedy: running ? row.health.remedy : null,
    isDefault: row.is_default,
    settings: row.settings,
    connection: row.connection,
    signature: row.signature,
    lastTest: row.last_test,
    connectedAt: row.connected_at,
    revision: row.revision,
  }
}

const accounts = (db: Kysely<unknown>) =>
  tablesOf(db, accountList)
    .selectFrom('account')
    .leftJoin('owner', 'owner.user_id', 'account.owner_user')
    .selectAll('account')
    .select('owner.name as owner_name')

/** Those that this user (null: anybody) may use: the team's, and their own. */
const usable = (userId: string | null) =>
  userId === null ? sql<boolean>`true` : sql<boolean>`(owner_user is null or owner_user = ${userId})`

/** Accounts that this user may use, up to `limit` behind the key `after`; disconnected ones on request. */
export const listAccounts =
  (db: Kysely<unknown>, { titleOf }: AccountQueryDeps) =>
  async (
    filter: { readonly userId: string | null; readonly withDisconnected: boolean },
    after: readonly [connectedAt: string, id: string] | null,
    limit: number,
  ): Promise<AccountItem[]> => {
    const rows = await accounts(db)
      .where(usable(filter.userId))
      .$if(!filter.withDisconnected, (query) => query.where('status', '<>', 'disconnected'))
      .$if(after !== null, (query) =>
        query.where(sql<boolean>`(connected_at, id) > (${after?.[0]}::timestamptz, ${after?.[1]})`),
      )
      .orderBy('connected_at')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map((row) => toItem(row, titleOf(row.connection)))
  }

/** An account, if this user (null: anybody) may use it. */
export const findAccount =
  (db: Kysely<unknown>, { titleOf }: AccountQueryDeps) =>
  async (id: string, userId: string | null): Promise<AccountItem | null> => {
    const row = await accounts(db).where(usable(userId)).where('id', '=', id).executeTakeFirst()
    return row ? toItem(row, titleOf(row.connection)) : null
  }

/** Ids of the accounts that this user may use, disconnected ones too. */
export const usableAccounts =
  (db: Kysely<unknown>) =>
  async (userId: string): Promise<string[]> => {
    const rows = await tablesOf(db, accountList)
      .selectFrom('account')
      .select('id')
      .where(usable(userId))
      .execute()
    return rows.map(({ id }) => id)
  }

/** How many accounts are connected, paused ones included. */
export const countConnected =
  (db: Kysely<unknown>) =>
  async (userId: string | null): Promise<number> => {
    const { count } = await tablesOf(db, accountList)
      .selectFrom('account')
      .select((of) => of.fn.countAll<number>().as('count'))
      .where('status', '<>', 'disconnected')
      .where(usable(userId))
      .executeTakeFirstOrThrow()
    return count
  }
