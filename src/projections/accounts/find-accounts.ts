import type { MailboxStorage } from '../../domain/sync/mailbox-storage.ts'
import { sql, type Kysely, type RawBuilder } from 'kysely'
import { accountStatus, type AccountStatus, type StatusReason } from '../../domain/accounts/account-status.ts'
import type { Connection, TestStep } from '../../domain/accounts/connection.ts'
import { levelOf } from '../../domain/accounts/access-rights.ts'
import type { AccessLevel, AccountSettings, Owner } from '../../domain/accounts/events.ts'
import type { FolderProgress } from '../../domain/sync/folder-progress.ts'
import { allOf, containing, levelIn, paged, schemaOf, tablesOf, type Page } from '../projection.ts'
import { accountList, type AccountRow } from './account-list.ts'
import { idsOf } from './visibility.ts'

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
  /** When it is tried again, or its mailbox is read next; in the past while that goes on. Null: nothing is to be tried. */
  readonly nextTryAt: string | null
  /** How far its mailbox has been read the first time; empty once it has been read to its end. */
  readonly firstSync: readonly FolderProgress[]
  /** Messages that could not be read, and that nobody has decided about. */
  readonly unreadable: number
  /** Messages that the mailbox lists but that are not here, without those that were dismissed. */
  readonly withheld: number
  /** How full the mailbox is, in bytes; null where it does not say. */
  readonly storage: MailboxStorage | null
  readonly isDefault: boolean
  /** What the user who asks may do with it; a program may do everything. */
  readonly access: AccessLevel
  readonly settings: AccountSettings
  readonly connection: Connection
  readonly signature: string
  readonly lastTest: { readonly at: string; readonly ok: boolean; readonly steps: TestStep[] } | null
  readonly lastSyncAt: string | null
  readonly connectedAt: string
  readonly revision: number
}

/** `titleOf`: what people call an account with this connection. */
export type AccountQueryDeps = { readonly titleOf: (connection: Connection) => string }

const toItem = (
  row: AccountRow & { owner_name: string | null },
  provider: string,
  userId: string | null,
): AccountItem => {
  const { progress: firstSync, unreadable, withheld, storage } = row.facts
  return {
    id: row.id,
    address: row.address,
    provider,
    owner: row.rights.owner,
    user: row.owner_user === null ? 'Team' : (row.owner_name ?? row.owner_user),
    ...accountStatus(row.facts, row.schedule.dueAt),
    firstSync,
    unreadable,
    withheld,
    storage: storage && { used: storage.used, limit: storage.limit },
    isDefault: row.is_default,
    // A user has some, or it would not have been found.
    access: levelOf(row.rights, userId)!,
    settings: row.settings,
    connection: row.connection,
    signature: row.signature,
    lastTest: row.last_test,
    lastSyncAt: row.last_sync_at,
    connectedAt: row.connected_at,
    revision: row.revision,
  }
}

const owners = sql`${sql.raw(schemaOf(accountList))}.owner`

const accounts = (db: Kysely<unknown>) =>
  tablesOf(db, accountList)
    .selectFrom('account')
    .leftJoin('owner', 'owner.user_id', 'account.owner_user')
    .selectAll('account')
    .select('owner.name as owner_name')

/** The accounts to which this user (null: any) has access of any level. */
const usable = (userId: string | null) =>
  userId === null ? sql<boolean>`true` : sql<boolean>`${levelIn('rights', userId)} is not null`

/** What a list of accounts is narrowed down to; what is undefined narrows nothing. */
export type AccountFilter = {
  /** Accounts that this user may use; null: all. */
  readonly userId: string | null
  readonly withDisconnected: boolean
  /** The team's, or those of a user. */
  readonly owner?: Owner | undefined
  readonly provider?: string | undefined
  readonly status?: AccountStatus | undefined
  /** Part of the address, of the display name or of the owner's name; capital letters do not count. */
  readonly search?: string | undefined
}

const listKeys = {
  connectedAt: { column: 'connected_at', type: 'timestamptz', id: 'account.id' },
  address: { column: 'address', type: 'text', id: 'account.id' },
  lastSyncAt: {
    column: sql`coalesce(last_sync_at, '1970-01-01T00:00:00Z'::timestamptz)`,
    type: 'timestamptz',
    id: 'account.id',
  },
} as const
const BATCH = 200

export type AccountOrder = keyof typeof listKeys | 'status'

/** What an account is ordered by. One whose mailbox was never read comes before all others. */
export const accountKey = (by: AccountOrder, account: AccountItem): [value: string, id: string] => [
  by === 'lastSyncAt' ? (account.lastSyncAt ?? '1970-01-01T00:00:00.000Z') : account[by],
  account.id,
]

export const listAccounts =
  (db: Kysely<unknown>, { titleOf }: AccountQueryDeps) =>
  async (
    filter: AccountFilter,
    { by, ...asked }: Page & { readonly by: AccountOrder },
  ): Promise<AccountItem[]> => {
    const { descending, after, limit } = asked
    if (by === 'status') {
      const ids = await idsByStatus(db, filter, asked)
      const rows = await accounts(db)
        .where(sql<boolean>`account.id = any(${ids}::text[])`)
        // Access may have changed in the meantime.
        .where(usable(filter.userId))
        .execute()
      const items = new Map(rows.map((row) => [row.id, toItem(row, titleOf(row.connection), filter.userId)]))
      return ids.flatMap((id) => items.get(id) ?? [])
    }
    const found: AccountItem[] = []
    const most = filter.status === undefined ? limit : BATCH
    let from = after
    // The status is worked out of the facts, so accounts with another one are passed over here.
    while (found.length < limit) {
      const page = { descending, after: from, limit: most }
      const rows = await paged(accounts(db).where(isMeant(filter)), listKeys[by], page).execute()
      const items = rows.map((row) => toItem(row, titleOf(row.connection), filter.userId))
      found.push(...items.filter(({ status }) => filter.status === undefined || status === filter.status))
      const last = items.at(-1)
      if (!last || items.length < most) break
      from = accountKey(by, last)
    }
    return found.slice(0, limit)
  }

/** The status is worked out of the facts, so no index has it: those of all accounts are looked at. */
const idsByStatus = async (
  db: Kysely<unknown>,
  filter: AccountFilter,
  { descending, after, limit }: Page,
): Promise<string[]> => {
  const rows = await tablesOf(db, accountList)
    .selectFrom('account')
    .select(['id', 'facts'])
    .where(isMeant(filter))
    .execute()
  const before = ([status, id]: readonly [string, string], [otherStatus, other]: readonly [string, string]) =>
    status === otherStatus ? compare(id, other) : compare(status, otherStatus)
  const direction = descending ? -1 : 1
  return rows
    .map(({ id, facts }) => [accountStatus(facts, null).status, id] as const)
    .filter(([status]) => filter.status === undefined || status === filter.status)
    .filter((key) => after === null || direction * before(key, [after[0], String(after[1])]) > 0)
    .toSorted((one, other) => direction * before(one, other))
    .slice(0, limit)
    .map(([, id]) => id)
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

/** Whether an account is one that the filter is about, apart from its status. */
const isOf = ({ userId, owner, provider, search }: AccountFilter): RawBuilder<boolean> => {
  const pattern = containing(search ?? '')
  return allOf([
    usable(userId),
    owner !== undefined &&
      sql`owner_user is not distinct from ${owner.kind === 'user' ? owner.userId : null}`,
    provider !== undefined && sql`connection ->> 'provider' = ${provider}`,
    search !== undefined &&
      sql`(address ilike ${pattern} or settings ->> 'displayName' ilike ${pattern}
        or owner_user in (select user_id from ${owners} where name ilike ${pattern}))`,
  ])
}

const isMeant = (filter: AccountFilter): RawBuilder<boolean> =>
  filter.withDisconnected ? isOf(filter) : sql`${isOf(filter)} and status <> 'disconnected'`

/** An account, if this user (null: any) may use it. */
export const findAccount =
  (db: Kysely<unknown>, { titleOf }: AccountQueryDeps) =>
  async (id: string, userId: string | null): Promise<AccountItem | null> => {
    const row = await accounts(db).where(usable(userId)).where('id', '=', id).executeTakeFirst()
    return row ? toItem(row, titleOf(row.connection), userId) : null
  }

/** Ids of the accounts that a list is about whatever their status, including disconnected ones. */
export const accountsOf =
  (db: Kysely<unknown>) =>
  (filter: AccountFilter): Promise<string[]> =>
    idsOf(db, isOf(filter))

/** Ids of the accounts that the user owns or is a member of, including disconnected ones. */
export const accountsWith =
  (db: Kysely<unknown>) =>
  (userId: string): Promise<string[]> =>
    idsOf(
      db,
      sql<boolean>`(owner_user = ${userId} or jsonb_path_exists(rights, '$.members[*] ? (@.userId == $user)',
        jsonb_build_object('user', ${userId}::text)))`,
    )

/** How many of the accounts that a list is about are connected, including paused ones. */
export const countConnected =
  (db: Kysely<unknown>) =>
  async (filter: AccountFilter): Promise<number> => {
    const { count } = await tablesOf(db, accountList)
      .selectFrom('account')
      .select((of) => of.fn.countAll<number>().as('count'))
      .where('status', '<>', 'disconnected')
      .where(isOf(filter))
      .executeTakeFirstOrThrow()
    return count
  }
