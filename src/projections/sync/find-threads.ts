import { sql, type Kysely } from 'kysely'
import type { WrittenMailbox } from '../../domain/mail.ts'
import { tablesOf, type MayRead } from '../projection.ts'
import { threads, type ThreadRow } from './threads.ts'

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

const toThread = (row: ThreadRow): Thread => ({
  id: row.id,
  accountId: row.account_id,
  subject: row.subject,
  snippet: row.snippet,
  messageCount: row.messages,
  people: row.people,
  firstAt: row.first_at,
  lastActivityAt: row.last_at,
  lastDirection: row.direction === 'out' ? 'out' : 'in',
  merged: row.merged,
})

/**
 * An account's threads, if this user (null: any) may read them, latest activity first; up to `limit` after the key
 * `after`.
 */
export const listThreads =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (
    of: { readonly accountId: string; readonly userId: string | null },
    after: readonly [lastAt: string, id: string] | null,
    limit: number,
  ): Promise<Thread[]> => {
    if (!(await mayRead(of.accountId, of.userId))) return []
    const rows = await tablesOf(db, threads)
      .selectFrom('thread')
      .selectAll()
      .where('account_id', '=', of.accountId)
      .where('merged_into', 'is', null)
      .$if(after !== null, (query) =>
        query.where(sql<boolean>`(last_at, id) < (${after![0]}::timestamptz, ${after![1]})`),
      )
      .orderBy('last_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(toThread)
  }

/** The thread with this id, or the one that it has become part of, if this user (null: any) may read it. */
export const findThread =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (id: string, userId: string | null): Promise<Thread | null> => {
    const row = await rowOf(db, id)
    return row && (await mayRead(row.account_id, userId)) ? toThread(row) : null
  }

const rowOf = async (db: Kysely<unknown>, id: string): Promise<ThreadRow | undefined> => {
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
    return member ? ((await rowOf(db, member.thread_id))?.id ?? null) : null
  }

/** Ids and times of a thread's messages, oldest first; up to `limit` after the key `after`. */
export const membersOf =
  (db: Kysely<unknown>) =>
  (
    { id, merged }: Pick<Thread, 'id' | 'merged'>,
    after: readonly [at: string, id: string] | null,
    limit: number,
  ): Promise<{ id: string; at: string }[]> =>
    tablesOf(db, threads)
      .selectFrom('member')
      .select(['id', 'at'])
      .where(sql<boolean>`thread_id = any(${[id, ...merged]}::text[])`)
      .$if(after !== null, (query) =>
        query.where(sql<boolean>`(at, id) > (${after![0]}::timestamptz, ${after![1]})`),
      )
      .orderBy('at')
      .orderBy('id')
      .limit(limit)
      .execute()
