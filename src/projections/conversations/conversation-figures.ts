import { sql, type Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { conversationList } from './conversation-list.ts'

/**
 * Of the conversations of these accounts: the user's open ones, those that wait for the other side, and since when the
 * one waits for us that has waited longest.
 */
export const figuresOfConversations =
  (db: Kysely<unknown>) =>
  (
    userId: string,
    accountIds: readonly string[],
  ): Promise<{ assigned: number; waiting: number; unansweredSince: string | null }> =>
    tablesOf(db, conversationList)
      .selectFrom('conversation')
      .select([
        sql<number>`count(*) filter (where status = 'open' and assignee = ${userId})`.as('assigned'),
        sql<number>`count(*) filter (where status = 'waiting')`.as('waiting'),
        sql<string | null>`min(waiting_since) filter (where status = 'open')`.as('unansweredSince'),
      ])
      .where(sql<boolean>`account_id = any(${[...accountIds]}::text[])`)
      .where('merged_into', 'is', null)
      .where('status', 'in', ['open', 'waiting'])
      .executeTakeFirstOrThrow()
