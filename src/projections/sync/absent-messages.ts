import type { Kysely } from 'kysely'
import type { ExcludePattern } from '../../domain/accounts/events.ts'
import { isWithin, paged, tablesOf, type Page, type Span } from '../projection.ts'
import { maskItem, toItem, type VisibleMessage } from './find-messages.ts'
import { messages } from './messages.ts'

/** A message that was deleted; lists are ordered by `receivedAt`, then `id`. */
export type DeletedMessage = VisibleMessage & {
  readonly deletedAt: string
  readonly erasedAt: string | null
}
/** A message that an exclude pattern hides, in the same order. */
export type HiddenMessage = VisibleMessage & { readonly hiddenBy: ExcludePattern }

type OfAccount = { readonly accountId: string } & Span

/** What was deleted from an account. */
export const listDeleted =
  (db: Kysely<unknown>) =>
  async (of: OfAccount, page: Page): Promise<DeletedMessage[]> => {
    const rows = await paged(ofAccount(db, of).where('deleted_at', 'is not', null), byTime, page).execute()
    return rows.map((row) => ({
      ...maskItem(toItem(row), 'everything'),
      deletedAt: row.deleted_at ?? row.received_at,
      erasedAt: row.erased_at,
    }))
  }

/** What patterns hide of an account, unless it was deleted. */
export const listHidden =
  (db: Kysely<unknown>) =>
  async (of: OfAccount, page: Page): Promise<HiddenMessage[]> => {
    const hidden = ofAccount(db, of).where('hidden_by', 'is not', null).where('deleted_at', 'is', null)
    const rows = await paged(hidden, byTime, page).execute()
    return rows.flatMap((row) =>
      row.hidden_by === null ? [] : [{ ...maskItem(toItem(row), 'everything'), hiddenBy: row.hidden_by }],
    )
  }

const byTime = { column: 'received_at', type: 'timestamptz' } as const

const ofAccount = (db: Kysely<unknown>, { accountId, ...span }: OfAccount) =>
  tablesOf(db, messages)
    .selectFrom('message')
    .selectAll()
    .where('account_id', '=', accountId)
    .where(isWithin('received_at', span))
