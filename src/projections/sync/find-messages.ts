import { sql, type Kysely } from 'kysely'
import type { WrittenMailbox } from '../../domain/mail.ts'
import { tablesOf, type MayRead } from '../projection.ts'
import { messages, type MessageRow } from './messages.ts'

/** A message as shown in lists, which are ordered by `receivedAt`, then `id`. */
export type MessageItem = {
  readonly id: string
  readonly accountId: string
  /** Null for a draft, which was neither received nor sent. */
  readonly direction: 'in' | 'out' | null
  readonly isDraft: boolean
  readonly receivedAt: string
  readonly subject: string
  readonly from: WrittenMailbox[]
  readonly to: WrittenMailbox[]
  readonly snippet: string
  readonly seen: boolean
  readonly attachmentCount: number
  readonly automatic: string | null
  /** Empty if it was removed from the mailbox. */
  readonly folders: string[]
}

/** `raw` and the `blob` of an attachment identify stored bytes. */
export type MessageDetail = MessageItem & {
  readonly sentAt: string | null
  readonly messageId: string
  readonly inReplyTo: string[]
  readonly references: string[]
  readonly cc: WrittenMailbox[]
  readonly bcc: WrittenMailbox[]
  readonly replyTo: WrittenMailbox[]
  readonly size: number
  readonly hasHtml: boolean
  readonly attachments: (MessageRow['attachments'][number] & { readonly index: number })[]
  readonly placements: MessageRow['places']
  readonly defects: string[]
  /** Why it could not be read. */
  readonly quarantined: string | null
  readonly raw: string
}

const toItem = (row: MessageRow): MessageItem => ({
  id: row.id,
  accountId: row.account_id,
  direction: row.direction === 'draft' ? null : row.direction === 'out' ? 'out' : 'in',
  isDraft: row.direction === 'draft',
  receivedAt: row.received_at,
  subject: row.header.subject,
  from: row.header.from,
  to: row.header.to,
  snippet: row.snippet,
  seen: row.direction === 'out' || row.places.some(({ flags }) => flags.includes('seen')),
  attachmentCount: row.attachments.filter(({ inline }) => !inline).length,
  automatic: row.automatic,
  folders: [...new Set(row.places.map(({ folder }) => folder))],
})

const toDetail = (row: MessageRow): MessageDetail => ({
  ...toItem(row),
  sentAt: row.sent_at,
  messageId: row.header.messageId,
  inReplyTo: row.header.inReplyTo,
  references: row.header.references,
  cc: row.header.cc,
  bcc: row.header.bcc ?? [],
  replyTo: row.header.replyTo,
  size: row.size,
  hasHtml: row.has_html,
  attachments: row.attachments.map((attachment, index) => ({ ...attachment, index })),
  placements: row.places,
  defects: row.defects,
  quarantined: row.quarantined,
  raw: row.raw,
})

/** The last message of the previous page: its time and its id. */
type MessageKey = readonly [receivedAt: string, id: string]

/**
 * An account's messages, if this user (null: any) may read them, latest first; up to `limit` after `after`. `folder`
 * limits them to one folder, given by its path or by its role, such as `inbox`.
 */
export const listMessages =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (
    of: { readonly accountId: string; readonly folder: string | null; readonly userId: string | null },
    after: MessageKey | null,
    limit: number,
  ): Promise<MessageItem[]> => {
    if (!(await mayRead(of.accountId, of.userId))) return []
    const rows =
      of.folder === null
        ? await ofAccount(db, of.accountId, after, limit)
        : await ofFolder(db, of.accountId, of.folder, after, limit)
    return rows.map(toItem)
  }

const ofAccount = (
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

const ofFolder = async (
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

/** Messages by their ids, in the same order; missing ones are left out. */
export const messagesOf =
  (db: Kysely<unknown>) =>
  async (ids: readonly string[]): Promise<MessageItem[]> => {
    const rows = await tablesOf(db, messages)
      .selectFrom('message')
      .selectAll()
      .where(sql<boolean>`id = any(${[...ids]}::text[])`)
      .execute()
    const byId = new Map(rows.map((row) => [row.id, toItem(row)]))
    return ids.flatMap((id) => byId.get(id) ?? [])
  }

/**
 * A message by its id, or by the id of its copy in the mailbox, if this user (null: any) may read it. Emails not sent
 * yet and quarantined messages are found too.
 */
export const findMessage =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (id: string, userId: string | null): Promise<MessageDetail | null> => {
    const tables = tablesOf(db, messages)
    const alias = tables.selectFrom('alias').select('message_id').where('id', '=', id)
    const row = await tables
      .selectFrom('message')
      .selectAll()
      .where('id', '=', (of) => of.fn.coalesce(alias, sql<string>`${id}`))
      .executeTakeFirst()
    return row && (await mayRead(row.account_id, userId)) ? toDetail(row) : null
  }
