import type { Kysely } from 'kysely'
import { levelOf } from '../../domain/accounts/access-rights.ts'
import { alwaysAvailable } from '../../domain/assignment/availability.ts'
import type { Holder } from '../../domain/assignment/work.ts'
import { tablesOf } from '../projection.ts'
import { assignmentFacts } from './assignment-facts.ts'

/** Whose conversations are not closed: users who may have to be relieved of them. */
export const holders = (db: Kysely<unknown>) => async (): Promise<Holder[]> => {
  const rows = await tablesOf(db, assignmentFacts)
    .selectFrom('holding')
    .innerJoin('account', 'account.id', 'holding.account_id')
    .leftJoin('user', 'user.id', 'holding.user_id')
    .leftJoin('availability', 'availability.user_id', 'holding.user_id')
    .select(['account_id', 'holding.user_id', 'rights', 'rules', 'user.id as known', 'availability', 'open'])
    .where('unclosed', '>', 0)
    .orderBy('account_id')
    .orderBy('holding.user_id')
    .execute()
  return rows.map(({ account_id, user_id, rights, rules, known, availability, open }) => ({
    accountId: account_id,
    rules,
    user: {
      userId: user_id,
      isKnown: known !== null,
      level: levelOf(rights, user_id),
      availability: availability ?? alwaysAvailable,
      open,
    },
  }))
}

/** Conversations of a user that are not closed. `onlyOpen`: those that wait for the other side stay out. */
export const heldBy =
  (db: Kysely<unknown>) =>
  async (accountId: string, userId: string, onlyOpen: boolean, limit: number): Promise<string[]> => {
    const rows = await tablesOf(db, assignmentFacts)
      .selectFrom('conversation')
      .select('id')
      .where('account_id', '=', accountId)
      .where('user_id', '=', userId)
      .where('merged', '=', false)
      .where('status', onlyOpen ? '=' : '<>', onlyOpen ? 'open' : 'closed')
      .orderBy('waiting_since')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id }) => id)
  }
