import type { Kysely } from 'kysely'
import type { Hideable } from '../../domain/sync/hiding.ts'
import { tablesOf } from '../projection.ts'
import type { MessageRow } from './message-row.ts'
import { messages } from './messages.ts'

/** A message that exclude patterns may hide. */
export type HideableMessage = Hideable & { readonly id: string }

/**
 * Up to `limit` messages of an account that could be read, in the order of their ids, behind one (null: from the first),
 * deleted ones included. Emails that were sent from here are not among them.
 */
export const hideableMessages =
  (db: Kysely<unknown>) =>
  async (accountId: string, after: string | null, limit: number): Promise<HideableMessage[]> => {
    const rows = await hideable(db)
      .where('account_id', '=', accountId)
      .where('id', '>', after ?? 'msg_')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(toHideable)
  }

/** One of them by its id. */
export const hideableMessage =
  (db: Kysely<unknown>) =>
  async (id: string): Promise<HideableMessage | null> => {
    const row = await hideable(db).where('id', '=', id).executeTakeFirst()
    return row ? toHideable(row) : null
  }

const hideable = (db: Kysely<unknown>) =>
  tablesOf(db, messages)
    .selectFrom('message')
    .select(['id', 'direction', 'header', 'hidden_by', 'shown_by_hand'])
    .where('id', '<', 'msg`')
    .where('quarantined', 'is', null)

const toHideable = ({
  id,
  direction,
  header,
  hidden_by: hiddenBy,
  shown_by_hand: shownByHand,
}: Pick<MessageRow, 'id' | 'direction' | 'header' | 'hidden_by' | 'shown_by_hand'>): HideableMessage => ({
  id,
  isOurs: direction !== 'in',
  header,
  hiddenBy,
  shownByHand,
})
