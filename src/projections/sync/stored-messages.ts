import type { Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { messages } from './messages.ts'

/** A message as it is stored; `raw` identifies its bytes. */
export type StoredMessage = {
  readonly id: string
  readonly accountId: string
  readonly receivedAt: string
  readonly raw: string
}

/** Up to `limit` messages that could be read and whose bytes were not erased, in the order of their ids, behind one (null: from the first). */
export const storedMessages =
  (db: Kysely<unknown>) =>
  (after: string | null, limit: number): Promise<StoredMessage[]> =>
    tablesOf(db, messages)
      .selectFrom('message')
      .select(['id', 'account_id as accountId', 'received_at as receivedAt', 'raw'])
      .where('quarantined', 'is', null)
      .where('erased_at', 'is', null)
      .where('id', '>', after ?? '')
      .orderBy('id')
      .limit(limit)
      .execute()
