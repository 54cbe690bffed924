import { sql, type Kysely } from 'kysely'
import {
  nothingVisible,
  visibilityUnder,
  type Visibility,
  type VisibilityPolicy,
} from '../../domain/visibility.ts'
import { tablesOf, type Visible } from '../projection.ts'
import { accountList } from './account-list.ts'

/**
 * The accounts of whose mail a user sees anything, disconnected ones included, and how much: everything of those that
 * they may use, and of others what their owners and the organisation allow. A program that acts for nobody (null) sees
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
          sql<boolean>`(owner_user is null or owner_user = ${userId} or settings ->> 'visibility' is not null)`,
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

type Choice = { readonly id: string; readonly owner_user: string | null; readonly chosen: Visibility | null }

const choices = (db: Kysely<unknown>) =>
  tablesOf(db, accountList)
    .selectFrom('account')
    .select(['id', 'owner_user', sql<Visibility | null>`settings ->> 'visibility'`.as('chosen')])

const policyOf = async (db: Kysely<unknown>): Promise<VisibilityPolicy> => {
  const row = await tablesOf(db, accountList).selectFrom('policy').select('policy').executeTakeFirst()
  return row?.policy ?? nothingVisible
}

const levelFor = ({ owner_user, chosen }: Choice, policy: VisibilityPolicy, userId: string): Visibility =>
  owner_user === null || owner_user === userId ? 'everything' : visibilityUnder(policy, chosen)
