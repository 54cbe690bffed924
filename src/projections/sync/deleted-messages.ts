import type { Kysely } from 'kysely'
import { isWithin, paged, tablesOf, type Page, type Span } from '../projection.ts'
import { maskItem, toItem, type VisibleMessage } from './find-messages.ts'
import { messages } from './messages.ts'

/** A message that was deleted; lists are ordered by `receivedAt`, then `id`. */
export type DeletedMessage = VisibleMessage & {
  readonly deletedAt: string
  readonly erasedAt: string | null
}

/** What was deleted from an account. */
export const listDeleted =
  (db: Kysely<unknown>) =>
  async (
    { accountId, ...span }: { readonly accountId: string } & Span,
    page: Page,
  ): Promise<DeletedMessage[]> => {
    const found = tablesOf(db, messages)
      .selectFrom('message')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('deleted_at', 'is not', null)
      .where(isWithin('received_at', span))
    const rows = await paged(found, { column: 'received_at', type: 'timestamptz' }, page).execute()
    return rows.map((row) => ({
      ...maskItem(toItem(row), 'everything'),
      deletedAt: row.deleted_at ?? row.received_at,
      erasedAt: row.erased_at,
    }))
  }
