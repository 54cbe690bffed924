import { sql, type Kysely } from 'kysely'
import type { WrittenMailbox } from '../../domain/mail.ts'
import {
  isWithin,
  paged,
  schemaOf,
  tablesOf,
  type Masked,
  type Page,
  type Span,
  type Visible,
} from '../projection.ts'
import { messages } from './messages.ts'
import { sightOf, type SightDeps } from './sight.ts'
import type { ThreadRow } from './thread-tables.ts'
import { threads } from './threads.ts'

/** A thread; lists are ordered by `lastActivityAt`, then `id`. */
export type Thread = {
  readonly id: string
  readonly accountId: string
  readonly subject: string
  readonly snippet: string
  readonly messageCount: number
  readonly people: WrittenMailbox[]
  readonly firstAt: string
  readonly lastActivityAt: string
  readonly lastDirection: 'in' | 'out'
  /** Ids of threads that turned out to be part of this one. */
  readonly merged: string[]
}

/** The same as a user sees it who sees this much. */
export type VisibleThread = Masked<Thread, 'subject' | 'snippet'>

export const toThread = (row: ThreadRow, visibility: Visible): VisibleThread => ({
  id: row.id,
  accountId: row.account_id,
  subject: visibility === 'metadata' ? null : row.subject,
  snippet: visibility === 'everything' ? row.snippet : null,
  messageCount: row.messages,
  people: row.people,
  firstAt: row.first_at,
  lastActivityAt: row.last_at,
  lastDirection: row.direction === 'out' ? 'out' : 'in',
  merged: row.merged,
  visibility,
})

/** What a list of an account's threads is narrowed down to; what is undefined narrows nothing. */
type ThreadFilter = {
  readonly accountId: string
  readonly userId: string | null
  readonly lastDirection?: 'in' | 'out' | undefined
  /** Also those in which no person wrote anything. */
  readonly automatic?: boolean | undefined
} & Span

/** An account's threads by their latest activity, as far as this user (null: a program) sees them. */
export const listThreads =
  (db: Kysely<unknown>, deps: SightDeps) =>
  async (filter: ThreadFilter, page: Page): Promise<VisibleThread[]> => {
    const { accountId, userId, lastDirection, automatic = false } = filter
    const { others, own } = await sightOf(deps, accountId, userId)
    if (others === 'nothing' && own === null) return []
    const ownOnly = others === 'nothing' ? own : null
    const found = tablesOf(db, threads)
      .selectFrom('thread')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('merged_into', 'is', null)
      .where('messages', '>', sql.lit(0))
      .$if(!automatic, (query) => query.where('automatic', '=', sql.lit(false)))
      .where(isWithin('last_at', filter))
      .$if(ownOnly !== null, (query) => query.where(hasOwn(ownOnly!)))
      .$if(lastDirection !== undefined, (query) => query.where('direction', '=', lastDirection!))
    const order = { column: 'last_at', type: 'timestamptz' } as const
    const rows = await paged(found, order, page).execute()
    return rows.map((row) => toThread(row, others === 'nothing' ? OF_OWN : others))
  }

/** The thread with this id, or the one that it has become part of, as far as this user (null: a program) sees it. */
export const findThread =
  (db: Kysely<unknown>, deps: SightDeps) =>
  async (id: string, userId: string | null): Promise<VisibleThread | null> => {
    const row = await threadRowOf(db, id)
    if (!row || row.messages === 0) return null
    const { others, own } = await sightOf(deps, row.account_id, userId)
    if (others !== 'nothing') return toThread(row, others)
    if (own === null) return null
    const found = await tablesOf(db, threads)
      .selectFrom('thread')
      .select('id')
      .where('id', '=', row.id)
      .where(hasOwn(own))
      .executeTakeFirst()
    return found ? toThread(row, OF_OWN) : null
  }

/** Of a thread with an email of one's own, one may know as much, even if one may not see all that is in it. */
const OF_OWN: Visible = 'subject'

/** Whether something in a `thread` is the user's: what they sent, or an answer to it. */
const hasOwn = (userId: string) => sql<boolean>`exists (
  select from ${sql.table(`${schemaOf(threads)}.member`)} as part
  join ${sql.table(`${schemaOf(messages)}.message`)} as own on own.id = part.id
  where (part.thread_id = thread.id or jsonb_exists(thread.merged, part.thread_id))
    and own.account_id = thread.account_id and own.of_user = ${userId} and own.listed)`

export const threadRowOf = async (db: Kysely<unknown>, id: string): Promise<ThreadRow | undefined> => {
  const tables = tablesOf(db, threads)
  const find = (wanted: string) =>
    tables.selectFrom('thread').selectAll().where('id', '=', wanted).executeTakeFirst()
  let found = await find(id)
  while (found && found.merged_into !== null) found = await find(found.merged_into)
  return found
}

/** The id of the thread that a message is part of. */
export const threadOf =
  (db: Kysely<unknown>) =>
  async (messageId: string): Promise<string | null> => {
    const member = await tablesOf(db, threads)
      .selectFrom('member')
      .select('thread_id')
      .where('id', '=', messageId)
      .executeTakeFirst()
    return member ? ((await threadRowOf(db, member.thread_id))?.id ?? null) : null
  }

/** The ids of the threads that messages are part of. */
export const threadsOf =
  (db: Kysely<unknown>) =>
  async (messageIds: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const thread = sql.table(`${schemaOf(threads)}.thread`)
    const { rows } = await sql<{ id: string; thread_id: string }>`
      with recursive part(id, thread_id) as (
        select id, thread_id from ${sql.table(`${schemaOf(threads)}.member`)}
        where id = any(${[...messageIds]}::text[])
        union all
        select part.id, thread.merged_into from part join ${thread} as thread on thread.id = part.thread_id
        where thread.merged_into is not null
      )
      select part.id, thread_id from part join ${thread} as thread on thread.id = thread_id
      where merged_into is null`.execute(db)
    return new Map(rows.map(({ id, thread_id }) => [id, thread_id]))
  }

/** Ids and times of a thread's messages, in the order in which they were sent or received. */
export const membersOf =
  (db: Kysely<unknown>) =>
  (
    { id, merged }: Pick<Thread, 'id' | 'merged'>,
    page: Page,
    span: Span = {},
  ): Promise<{ id: string; at: string }[]> => {
    const found = tablesOf(db, threads)
      .selectFrom('member')
      .select(['id', 'at'])
      .where(sql<boolean>`thread_id = any(${[id, ...merged]}::text[])`)
      .where((of) => of.not(of.exists(of.selectFrom('absent').whereRef('absent.id', '=', 'member.id'))))
      .where(isWithin('at', span))
    return paged(found, { column: 'at', type: 'timestamptz' }, page).execute()
  }

/** What was sent in a thread after this instant, by a person as far as one can tell. */
export const sentInThread =
  (db: Kysely<unknown>) =>
  (
    { id, merged }: { readonly id: string; readonly merged: readonly string[] },
    after: string,
  ): Promise<{ id: string; at: string }[]> =>
    tablesOf(db, threads)
      .selectFrom('member')
      .select(['id', 'at'])
      .where(sql<boolean>`thread_id = any(${[id, ...merged]}::text[])`)
      .where(sql<boolean>`at > ${after}::timestamptz`)
      .where(sql<boolean>`shown ->> 'direction' = 'out' and not (shown -> 'automatic')::boolean`)
      .orderBy('at')
      .limit(100)
      .execute()

/** The thread with this id, or the one that it has become part of, and all messages in it. */
export const threadWithMembers =
  (db: Kysely<unknown>) =>
  async (id: string): Promise<{ id: string; accountId: string; messages: string[] } | null> => {
    const row = await threadRowOf(db, id)
    if (!row || row.messages === 0) return null
    const members = await membersOf(db)(row, { descending: false, after: null, limit: row.messages })
    return { id: row.id, accountId: row.account_id, messages: members.map((member) => member.id) }
  }
