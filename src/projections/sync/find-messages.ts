import { sql, type Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { messages, type MessageRow } from './messages.ts'

/** Behind which message a page goes on: its time and its id. */
export type MessageKey = readonly [receivedAt: string, id: string]

/** An account's messages, the latest first; up to `limit` behind `after`. */
export const listMessages = (
  db: Kysely<unknown>,
  accountId: string,
  after: MessageKey | null,
  limit: number,
): Promise<MessageRow[]> =>
  tablesOf(db, messages)
    .selectFrom('message')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('listed', '=', sql.lit(true))
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(received_at, id) < (${after![0]}::timestamptz, ${after![1]})`),
    )
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

/** The same of one folder, which is named by its path or by the role that it has, as `inbox`. */
export const listFolder = async (
  db: Kysely<unknown>,
  accountId: string,
  folder: string,
  after: MessageKey | null,
  limit: number,
): Promise<MessageRow[]> => {
  const tables = tablesOf(db, messages)
  const found = await tables
    .selectFrom('folder')
    .select('folder')
    .where('account_id', '=', accountId)
    .where((of) => of.or([of('folder', '=', folder), of('role', '=', folder.toLowerCase())]))
    .orderBy(sql`folder = ${folder}`, 'desc')
    .orderBy('folder')
    .limit(1)
    .executeTakeFirst()
  if (!found) return []
  return tables
    .with('page', (of) =>
      of
        .selectFrom('located')
        .select(['id', 'received_at'])
        .where('account_id', '=', accountId)
        .where('folder', '=', found.folder)
        .$if(after !== null, (query) =>
          query.where(sql<boolean>`(received_at, id) < (${after![0]}::timestamptz, ${after![1]})`),
        )
        .orderBy('received_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit),
    )
    .selectFrom('page')
    .innerJoin('message', 'message.id', 'page.id')
    .selectAll('message')
    .orderBy('page.received_at', 'desc')
    .orderBy('page.id', 'desc')
    .execute()
}

/** Messages by their ids, in the order of these; those that are not there are left out. */
export const messagesOf = async (db: Kysely<unknown>, ids: readonly string[]): Promise<MessageRow[]> => {
  const rows = await tablesOf(db, messages)
    .selectFrom('message')
    .selectAll()
    .where(sql<boolean>`id = any(${[...ids]}::text[])`)
    .execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** A message by its id, or by the id of its copy in the mailbox. What is not sent yet, or quarantined, is found too. */
export const findMessage = async (db: Kysely<unknown>, id: string): Promise<MessageRow | undefined> => {
  const tables = tablesOf(db, messages)
  const alias = tables.selectFrom('alias').select('message_id').where('id', '=', id)
  return tables
    .selectFrom('message')
    .selectAll()
    .where('id', '=', (of) => of.fn.coalesce(alias, sql<string>`${id}`))
    .executeTakeFirst()
}
