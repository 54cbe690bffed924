import { sql, type Kysely } from 'kysely'
import { allOf, paged, tablesOf, type Page } from '../projection.ts'
import { conversationList, type ConversationRow } from './conversation-list.ts'

export type ConversationStatus = 'open' | 'waiting' | 'snoozed' | 'closed'

/** A conversation as people work through it; lists are ordered by `waitingSince` or `lastReceivedAt`, then `id`. */
export type ConversationItem = {
  readonly id: string
  readonly accountId: string
  readonly status: ConversationStatus
  readonly snoozedUntil: string | null
  readonly assigneeId: string | null
  readonly tags: string[]
  readonly version: number
  /** Whether the user who asks has not seen the last message; null where a program asks. */
  readonly unread: boolean | null
  readonly lastMessage: { readonly id: string; readonly from: string | null }
  readonly lastReceivedAt: string
  readonly lastAnsweredAt: string | null
  readonly waitingSince: string
  readonly changedAt: string
  readonly revision: number
}

export type ConversationFilter = {
  /** The accounts of which conversations are listed; null: all. */
  readonly accounts: readonly string[] | null
  readonly status?: ConversationStatus | undefined
  readonly assigneeId?: string | undefined
  readonly unassigned?: boolean | undefined
  readonly tag?: string | undefined
  /** Only what this user has not seen. */
  readonly unreadBy?: string | undefined
}

/** Conversations that stand for themselves, as this user (null: a program) sees them. */
const standing = (db: Kysely<unknown>, userId: string | null) =>
  tablesOf(db, conversationList)
    .selectFrom('conversation')
    .leftJoin('reading', (join) =>
      join.onRef('reading.conversation_id', '=', 'conversation.id').on('reading.user_id', '=', userId ?? ''),
    )
    .selectAll('conversation')
    .select('reading.version as seen')
    .where('merged_into', 'is', null)

const toItem = (
  row: ConversationRow & { readonly seen: number | null },
  userId: string | null,
): ConversationItem => ({
  id: row.id,
  accountId: row.account_id,
  status: row.status as ConversationStatus,
  snoozedUntil: row.snoozed_until,
  assigneeId: row.assignee,
  tags: row.tags,
  version: row.version,
  unread: userId === null ? null : (row.seen ?? 0) < row.received_version,
  lastMessage: { id: row.last_message, from: row.last_from },
  lastReceivedAt: row.last_received_at,
  lastAnsweredAt: row.last_answered_at,
  waitingSince: row.waiting_since,
  changedAt: row.changed_at,
  revision: row.revision,
})

const matching = ({ accounts, status, assigneeId, unassigned, tag }: Omit<ConversationFilter, 'unreadBy'>) =>
  allOf([
    accounts !== null && sql`account_id = any(${[...accounts]}::text[])`,
    status !== undefined && sql`status = ${status}`,
    assigneeId !== undefined && sql`assignee = ${assigneeId}`,
    unassigned === true && sql`assignee is null`,
    unassigned === false && sql`assignee is not null`,
    tag !== undefined && sql`tags @> ${JSON.stringify([tag])}::jsonb`,
    sql`true`,
  ])

const COLUMNS = { waitingSince: 'waiting_since', lastReceivedAt: 'last_received_at' } as const

export const listConversations =
  (db: Kysely<unknown>) =>
  async (
    { unreadBy: reader, ...filter }: ConversationFilter,
    userId: string | null,
    page: Page & { readonly by: keyof typeof COLUMNS },
  ): Promise<ConversationItem[]> => {
    const found = standing(db, userId)
      .where(matching(filter))
      .$if(reader !== undefined, (query) =>
        query.where((of) =>
          of.not(
            of.exists(
              of
                .selectFrom('reading as by_reader')
                .whereRef('by_reader.conversation_id', '=', 'conversation.id')
                .where('by_reader.user_id', '=', reader ?? '')
                .whereRef('by_reader.version', '>=', 'conversation.received_version'),
            ),
          ),
        ),
      )
    const order = { column: COLUMNS[page.by], type: 'timestamptz' } as const
    const rows = await paged(found, order, page).execute()
    return rows.map((row) => toItem(row, userId))
  }

/** The conversation with this id, or the one that it has become part of. */
export const findConversation =
  (db: Kysely<unknown>) =>
  async (asked: string, userId: string | null): Promise<ConversationItem | null> => {
    const passed = tablesOf(db, conversationList)
      .withRecursive('passed', (of) =>
        of
          .selectFrom('conversation')
          .select(['id', 'merged_into'])
          .where('id', '=', asked)
          .union(
            of
              .selectFrom('conversation as next')
              .innerJoin('passed', 'passed.merged_into', 'next.id')
              .select(['next.id', 'next.merged_into']),
          ),
      )
      .selectFrom('passed')
      .select('id')
    const found = await standing(db, userId).where('conversation.id', 'in', passed).executeTakeFirst()
    return found ? toItem(found, userId) : null
  }

/** How many conversations of an account there are by status, and by assignee those that are not closed. */
export const countConversations = (db: Kysely<unknown>) => async (accountId: string) => {
  const of = () =>
    tablesOf(db, conversationList)
      .selectFrom('conversation')
      .where('account_id', '=', accountId)
      .where('merged_into', 'is', null)
      .select(sql<number>`count(*)::int`.as('count'))
  const byStatus = await of().select('status').groupBy('status').execute()
  const byAssignee = await of()
    .where('status', '<>', 'closed')
    .select('assignee')
    .groupBy('assignee')
    .orderBy('assignee')
    .execute()
  const countOf = (status: ConversationStatus): number =>
    byStatus.find((each) => each.status === status)?.count ?? 0
  return {
    open: countOf('open'),
    waiting: countOf('waiting'),
    snoozed: countOf('snoozed'),
    closed: countOf('closed'),
    assignees: byAssignee.map(({ assignee, count }) => ({ assigneeId: assignee, count })),
  }
}

export type NoteItem = {
  readonly id: string
  readonly userId: string | null
  readonly text: string
  readonly mentions: string[]
  readonly writtenAt: string
}

/** Notes of a conversation, and of those that have become part of it. */
export const listNotes =
  (db: Kysely<unknown>) =>
  async (conversationId: string, page: Page): Promise<NoteItem[]> => {
    const found = tablesOf(db, conversationList)
      .withRecursive('part', (of) =>
        of
          .selectFrom('conversation')
          .select('id')
          .where('id', '=', conversationId)
          .union(
            of
              .selectFrom('conversation as other')
              .innerJoin('part', 'part.id', 'other.merged_into')
              .select('other.id'),
          ),
      )
      .selectFrom('note')
      .selectAll()
      .where('conversation_id', 'in', (of) => of.selectFrom('part').select('part.id'))
    const rows = await paged(found, { column: 'written_at', type: 'timestamptz' }, page).execute()
    return rows.map((row) => ({
      id: row.id,
      userId: row.user_id,
      text: row.text,
      mentions: row.mentions,
      writtenAt: row.written_at,
    }))
  }

/** Of snoozed conversations that are due, the ids. */
export const dueSnoozes =
  (db: Kysely<unknown>) =>
  (now: Date, limit: number): Promise<{ id: string }[]> =>
    tablesOf(db, conversationList)
      .selectFrom('conversation')
      .select('id')
      .where('merged_into', 'is', null)
      .where('snoozed_until', '<=', now.toISOString())
      .orderBy('snoozed_until')
      .limit(limit)
      .execute()

/** The conversation that mail was put into, the last one if it was split off. */
export const conversationOf =
  (db: Kysely<unknown>) =>
  async (mailId: string): Promise<string | null> => {
    const row = await tablesOf(db, conversationList)
      .selectFrom('mail')
      .select('conversation_id')
      .where('id', '=', mailId)
      .where('position', 'is not', null)
      .orderBy('position', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.conversation_id ?? null
  }
