import type { Kysely } from 'kysely'
import { isWithin, paged, tablesOf, type Page, type Span } from '../projection.ts'
import { maskItem, toItem, type VisibleMessage } from './find-messages.ts'
import { messages } from './messages.ts'

/** A message that was deleted or hidden; lists are ordered by `receivedAt`, then `id`. */
export type AbsentMessage = VisibleMessage & {
  readonly absent: 'deleted' | 'hidden'
  readonly absentSince: string
  /** The pattern that hides it. */
  readonly pattern: string | null
  /** Its bytes are gone for good. */
  readonly erased: boolean
}

type AbsentFilter = { readonly accountId: string; readonly absent: AbsentMessage['absent'] } & Span

/** What was deleted from an account, or is hidden there. */
export const listAbsent =
  (db: Kysely<unknown>) =>
  async ({ accountId, absent, ...span }: AbsentFilter, page: Page): Promise<AbsentMessage[]> => {
    const found = tablesOf(db, messages)
      .selectFrom('message')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('absent', '=', absent)
      .where(isWithin('received_at', span))
    const rows = await paged(found, { column: 'received_at', type: 'timestamptz' }, page).execute()
    return rows.map((row) => ({
      ...maskItem(toItem(row), 'everything'),
      absent,
      absentSince: row.absent_since ?? row.received_at,
      pattern: row.hidden_by,
      erased: row.erased,
    }))
  }
