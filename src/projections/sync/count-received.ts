import type { Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { messages } from './messages.ts'

/**
 * How many messages of people these accounts received from one instant on and before the other, without those that were
 * deleted or are hidden.
 */
export const countReceived =
  (db: Kysely<unknown>) =>
  async (
    accountIds: readonly string[],
    { since, until }: { readonly since: string; readonly until: string },
  ): Promise<number> => {
    if (accountIds.length === 0) return 0
    const { count } = await tablesOf(db, messages)
      .selectFrom('message')
      .select((of) => of.fn.countAll<number>().as('count'))
      .where('account_id', 'in', accountIds)
      .where('listed', '=', true)
      .where('direction', '=', 'in')
      .where('automatic', 'is', null)
      .where('received_at', '>=', since)
      .where('received_at', '<', until)
      .executeTakeFirstOrThrow()
    return count
  }
