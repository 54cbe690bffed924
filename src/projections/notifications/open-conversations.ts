import { sql, type Kysely } from 'kysely'
import { evolve, type Conversation } from '../../domain/conversations/conversation-state.ts'
import { conversationEvents } from '../../domain/conversations/events.ts'
import { json, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** What digests say of conversations: whose they are, how they stand, and since when they wait for us. */
export const openConversations = projection({
  name: 'open-conversations',
  version: 1,
  tables: {
    conversation: table({
      columns: {
        id: text,
        account_id: text,
        status: text,
        assignee: nullable(text),
        /** When the first message came that nobody has answered. */
        unanswered_since: nullable(timestamp),
        state: json<Conversation>(),
      },
      key: ['id'],
      indexes: ['(account_id, status)'],
    }),
  },
  events: [...conversationEvents],
  fold: (event, rows) => {
    const id = event.data.conversationId
    const state = evolve(rows.get('conversation', { id })?.state ?? { status: 'none' }, event)
    if (state.status === 'none') return
    const { accountId: account_id, status, mergedInto, assigneeId: assignee, mail } = state
    const answered = mail.findLastIndex(({ kind }) => kind !== 'message')
    rows.put('conversation', {
      id,
      account_id,
      status: mergedInto === null ? status : 'merged',
      assignee,
      unanswered_since: mail[answered + 1]?.at ?? null,
      state,
    })
  },
})

/** Of the conversations of these accounts: the user's open ones, those that wait for the other side, and since when the oldest waits for us. */
export const conversationFigures =
  (db: Kysely<unknown>) =>
  (
    userId: string,
    accountIds: readonly string[],
  ): Promise<{ assigned: number; waiting: number; unansweredSince: string | null }> =>
    tablesOf(db, openConversations)
      .selectFrom('conversation')
      .select([
        sql<number>`count(*) filter (where status = 'open' and assignee = ${userId})`.as('assigned'),
        sql<number>`count(*) filter (where status = 'waiting')`.as('waiting'),
        sql<string | null>`min(unanswered_since) filter (where status = 'open')`.as('unansweredSince'),
      ])
      .where(sql<boolean>`account_id = any(${[...accountIds]}::text[])`)
      .where('status', 'in', ['open', 'waiting'])
      .executeTakeFirstOrThrow()
