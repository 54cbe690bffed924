import { sql, type Kysely } from 'kysely'
import { accountStatus, type AccountStatus, type StatusReason } from '../../domain/accounts/account-status.ts'
import type { Connection, TestStep } from '../../domain/accounts/connection.ts'
import type { AccountSettings, Owner } from '../../domain/accounts/events.ts'
import { tablesOf } from '../projection.ts'
import { accountList, type AccountRow } from './account-list.ts'

/** An email account as shown to people; lists are ordered by `connectedAt`, then `id`. */
export type AccountItem = {
  readonly id: string
  readonly address: string
  /** What people call this kind of connection, such as `IMAP`. */
  readonly provider: string
  readonly owner: Owner
  /** The owner's name, or Team. */
  readonly user: string
  readonly status: AccountStatus
  /** The reasons for the status and what to do, the deciding one first; empty if the account is active. */
  readonly reasons: readonly StatusReason[]
  /** Messages that could not be read, and that nobody has decided about. */
  readonly unreadable: number
  /** Messages that the mailbox lists but that are not here, without those that were dismissed. */
  readonly withheld: number
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
  const { unreadable, withheld } = row.facts
  return {
    id: row.id,
    address: row.address,
    provider,
    owner: row.owner_user === null ? { kind: 'team' } : { kind: 'user', userId: row.owner_user },
    user: row.owner_user === null ? 'Team' : (row.owner_name ?? row.owner_user),
    ...accountStatus(row.facts),
    unreadable,
    withheld,
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

/** The accounts this user (null: any) may use: the team's and their own. */
const usable = (userId: string | null) =>
  userId === null ? sql<boolean>`true` : sql<boolean>`(owner_user is null or owner_user = ${userId})`

/** Accounts that this user may use, up to `limit` after the key `after`; disconnected ones on request. */
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

/** An account, if this user (null: any) may use it. */
export const findAccount =
  (db: Kysely<unknown>, { titleOf }: AccountQueryDeps) =>
  async (id: string, userId: string | null): Promise<AccountItem | null> => {
    const row = await accounts(db).where(usable(userId)).where('id', '=', id).executeTakeFirst()
    return row ? toItem(row, titleOf(row.connection)) : null
  }

/** Ids of the accounts that this user may use, including disconnected ones. */
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

/** How many accounts are connected, including paused ones. */
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
