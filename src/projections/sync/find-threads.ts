import { sql, type Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { threads, type ThreadRow } from './threads.ts'

/** An account's conversations, the latest activity first; up to `limit` behind the key `after`. */
export const listThreads = (
  db: Kysely<unknown>,
  accountId: string,
  after: readonly [lastAt: string, id: string] | null,
  limit: number,
): Promise<ThreadRow[]> =>
  tablesOf(db, threads)
    .selectFrom('thread')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('merged_into', 'is', null)
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(last_at, id) < (${after![0]}::timestamptz, ${after![1]})`),
    )
    .orderBy('last_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

/** The conversation with this id, or the one that it has become part of. */
export const findThread = async (db: Kysely<unknown>, id: string): Promise<ThreadRow | undefined> => {
  const tables = tablesOf(db, threads)
  const find = (wanted: string) =>
    tables.selectFrom('thread').selectAll().where('id', '=', wanted).executeTakeFirst()
  let found = await find(id)
  while (found && found.merged_into !== null) found = await find(found.merged_into)
  return found
}

/** The conversation that a message is part of. */
export const threadOf = async (db: Kysely<unknown>, messageId: string): Promise<string | null> => {
  const member = await tablesOf(db, threads)
    .selectFrom('member')
    .select('thread_id')
    .where('id', '=', messageId)
    .executeTakeFirst()
  return member ? ((await findThread(db, member.thread_id))?.id ?? null) : null
}

/** Ids and times of a conversation's messages, the oldest first; up to `limit` behind the key `after`. */
export const membersOf = (
  db: Kysely<unknown>,
  { id, merged }: Pick<ThreadRow, 'id' | 'merged'>,
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
