import type { Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { messages } from './messages.ts'

/** How many messages of people these accounts received since an instant, without those that were deleted or are hidden. */
export const countReceived =
  (db: Kysely<unknown>) =>
  async (accountIds: readonly string[], since: string): Promise<number> => {
    if (accountIds.length === 0) return 0
    const { count } = await tablesOf(db, messages)
      .selectFrom('message')
      .select((of) => of.fn.countAll<number>().as('count'))
      .where('account_id', 'in', accountIds)
      .where('listed', '=', true)
      .where('direction', '=', 'in')
      .where('automatic', 'is', null)
      .where('received_at', '>=', since)
      .executeTakeFirstOrThrow()
    return count
  }
