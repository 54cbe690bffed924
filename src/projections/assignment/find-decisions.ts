import type { Kysely } from 'kysely'
import type { AssignmentRules } from '../../domain/assignment/events.ts'
import { usersIn } from '../../domain/assignment/pick.ts'
import type { Decision, Past } from '../../domain/assignment/work.ts'
import { paged, tablesOf, type Page } from '../projection.ts'
import { assignmentFacts } from './assignment-facts.ts'
import { atOnce, nobody, usersOf, whoWrote } from './find-work.ts'

export type DecisionItem = { readonly position: string; readonly at: string; readonly decision: Decision }

/** The account of a conversation; null if there is no such conversation. */
export const accountOfConversation =
  (db: Kysely<unknown>) =>
  async (conversationId: string): Promise<string | null> => {
    const row = await tablesOf(db, assignmentFacts)
      .selectFrom('conversation')
      .select('account_id')
      .where('id', '=', conversationId)
      .executeTakeFirst()
    return row?.account_id ?? null
  }

/** What was decided about whose a conversation is. */
export const listDecisions =
  (db: Kysely<unknown>) =>
  async (
    conversationId: string,
    { descending, after, limit }: Omit<Page, 'after'> & { after: string | null },
  ): Promise<DecisionItem[]> =>
    tablesOf(db, assignmentFacts)
      .selectFrom('decision')
      .select(['position', 'at', 'decision'])
      .where('conversation_id', '=', conversationId)
      .$if(after !== null, (query) => query.where('position', descending ? '<' : '>', after ?? ''))
      .orderBy('position', descending ? 'desc' : 'asc')
      .limit(limit)
      .execute()

/** The newest conversations that came since then, oldest first. */
export const pastConversations =
  (db: Kysely<unknown>) =>
  (accountId: string, rules: AssignmentRules, since: string, limit: number): Promise<Past> =>
    atOnce(db, async (tables) => {
      const found = tables
        .selectFrom('conversation')
        .selectAll()
        .where('account_id', '=', accountId)
        .where('opened_at', '>=', since)
        .where('merged', '=', false)
      const page = { descending: true, after: null, limit }
      const rows = await paged(found, { column: 'opened_at', type: 'timestamptz' }, page).execute()
      const people = await whoWrote(tables, rows)
      const account = await tables
        .selectFrom('account')
        .select('rights')
        .where('id', '=', accountId)
        .executeTakeFirstOrThrow()
      const belongTo = rows.flatMap(({ belongs_to }) => belongs_to ?? [])
      const users = await usersOf(tables, accountId, account.rights, [...usersIn(rules), ...belongTo])
      return {
        conversations: rows.toReversed().map((row) => ({
          conversationId: row.id,
          openedAt: row.opened_at,
          doneAt: row.done_at,
          ...(people.get(row.from_address ?? '') ?? nobody),
          belongsTo: row.belongs_to,
          first: row.first_user_id,
        })),
        users: users.map(({ userId, isKnown, level }) => ({ userId, isKnown, level })),
      }
    })
