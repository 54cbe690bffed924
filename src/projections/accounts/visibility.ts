import { sql, type Kysely, type RawBuilder } from 'kysely'
import { may } from '../../domain/accounts/access-rights.ts'
import type { AccessLevel } from '../../domain/accounts/events.ts'
import { isUserOfKey } from '../../domain/ids.ts'
import {
  nothingVisible,
  visibilityUnder,
  type Visibility,
  type VisibilityPolicy,
} from '../../domain/visibility.ts'
import { levelIn, schemaOf, tablesOf, type Visible } from '../projection.ts'
import { accountList, type AccountRow } from './account-list.ts'

/**
 * The accounts of whose mail a user sees anything, disconnected ones included, and how much: everything of those that
 * they may read, and of others what their owners and the organisation allow. A program that acts for nobody (null) sees
 * all.
 */
export const visibleAccounts =
  (db: Kysely<unknown>) =>
  async (userId: string | null): Promise<ReadonlyMap<string, Visible> | 'all'> => {
    if (userId === null) return 'all'
    const policy = await policyOf(db)
    const isClosed = visibilityUnder(policy, null) === 'nothing'
    const rows = await choices(db)
      .$if(isClosed, (query) =>
        query.where(
          sql<boolean>`(${levelIn('rights', userId)} is not null or settings ->> 'visibility' is not null)`,
        ),
      )
      .execute()
    return new Map(
      rows.flatMap((row): [string, Visible][] => {
        const level = levelFor(row, policy, userId)
        return level === 'nothing' ? [] : [[row.id, level]]
      }),
    )
  }

/** How much this user (null: a program that acts for nobody) sees of the account's mail. */
export const visibilityOf =
  (db: Kysely<unknown>) =>
  async (accountId: string, userId: string | null): Promise<Visibility> => {
    if (userId === null) return 'everything'
    const row = await choices(db).where('id', '=', accountId).executeTakeFirst()
    return row ? levelFor(row, await policyOf(db), userId) : 'nothing'
  }

/** The accounts of which this user may read all mail, what was not sent yet included; disconnected ones too. */
export const readableAccounts =
  (db: Kysely<unknown>) =>
  (userId: string): Promise<string[]> =>
    idsOf(db, sql<boolean>`${levelIn('rights', userId)} in ('full', 'read')`)

/** The accounts from which this user may send and of which they see no more than what they sent and the answers to it. */
export const sendOnlyAccounts =
  (db: Kysely<unknown>) =>
  async (userId: string | null): Promise<string[]> =>
    userId === null ? [] : idsOf(db, sql<boolean>`${levelIn('rights', userId)} = 'send'`)

/** The accounts to which each of these users has access as a member, and at which level. */
export const membershipsOf =
  (db: Kysely<unknown>) =>
  async (
    userIds: readonly string[],
  ): Promise<ReadonlyMap<string, { accountId: string; level: AccessLevel }[]>> => {
    const { rows } = await sql<{ userId: string; accountId: string; level: AccessLevel }>`
      select member ->> 'userId' as "userId", id as "accountId", member ->> 'level' as level
      from ${sql.table(`${schemaOf(accountList)}.account`)}, jsonb_array_elements(rights -> 'members') as member
      where member ->> 'userId' = any(${[...userIds]}::text[]) order by id`.execute(db)
    const byUser = Map.groupBy(rows, ({ userId }) => userId)
    return new Map(
      [...byUser].map(([userId, of]) => [userId, of.map(({ accountId, level }) => ({ accountId, level }))]),
    )
  }

export const idsOf = async (db: Kysely<unknown>, condition: RawBuilder<boolean>): Promise<string[]> => {
  const rows = await tablesOf(db, accountList).selectFrom('account').select('id').where(condition).execute()
  return rows.map(({ id }) => id)
}

type Choice = Pick<AccountRow, 'id' | 'rights'> & {
  readonly chosen: Visibility | null
}

const choices = (db: Kysely<unknown>) =>
  tablesOf(db, accountList)
    .selectFrom('account')
    .select(['id', 'rights', sql<Visibility | null>`settings ->> 'visibility'`.as('chosen')])

const policyOf = async (db: Kysely<unknown>): Promise<VisibilityPolicy> => {
  const row = await tablesOf(db, accountList).selectFrom('policy').select('policy').executeTakeFirst()
  return row?.policy ?? nothingVisible
}

const levelFor = (row: Choice, policy: VisibilityPolicy, userId: string): Visibility => {
  if (may(row.rights, userId, 'read')) return 'everything'
  return isUserOfKey(userId) ? 'nothing' : visibilityUnder(policy, row.chosen)
}
