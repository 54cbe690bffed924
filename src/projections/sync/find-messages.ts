import { sql, type Kysely } from 'kysely'
import type { WrittenMailbox } from '../../domain/mail.ts'
import {
  isWithin,
  paged,
  tablesOf,
  type ListKey,
  type Masked,
  type Page,
  type Span,
  type VisibilityDeps,
  type Visible,
} from '../projection.ts'
import type { MessageRow } from './message-row.ts'
import { isIn, levelIn, sightOf, type Sight, type SightDeps } from './sight.ts'
import { messages } from './messages.ts'

/** A message as shown in lists, which are ordered by `receivedAt`, then `id`. */
export type MessageItem = {
  readonly id: string
  readonly accountId: string
  /** The user who sent it, or who sent the email of ours that it answers. */
  readonly userId: string | null
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

/** The same as a user sees it who sees this much. */
export type VisibleMessage = Masked<MessageItem, 'subject' | 'snippet'>
export type VisibleMessageDetail = Masked<MessageDetail, 'subject' | 'snippet' | 'attachments'>

export const maskItem = <Item extends MessageItem>(item: Item, visibility: Visible) => ({
  ...item,
  subject: visibility === 'metadata' ? null : item.subject,
  snippet: visibility === 'everything' ? item.snippet : null,
  visibility,
})

const maskDetail = (detail: MessageDetail, visibility: Visible): VisibleMessageDetail => ({
  ...maskItem(detail, visibility),
  attachments: visibility === 'everything' ? detail.attachments : null,
})

export const toItem = (row: MessageRow): MessageItem => ({
  id: row.id,
  accountId: row.account_id,
  userId: row.of_user,
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

/** What a list of an account's messages is narrowed down to; what is undefined narrows nothing. */
type MessageFilter = {
  readonly accountId: string
  readonly userId: string | null
  /** Its path or its role, such as `inbox`. */
  readonly folder?: string | undefined
  readonly direction?: 'in' | 'out' | undefined
} & Span

type MessageDeps = SightDeps & Pick<VisibilityDeps, 'mayRead'>

const byTime = (table: 'message' | 'located'): ListKey => ({
  column: `${table}.received_at`,
  type: 'timestamptz',
  id: `${table}.id`,
})

/** An account's messages, or those of one of its folders, as far as this user (null: a program) sees them. */
export const listMessages =
  (db: Kysely<unknown>, deps: MessageDeps) =>
  async (filter: MessageFilter, page: Page): Promise<VisibleMessage[]> => {
    const { accountId, userId, folder } = filter
    const sight = await sightOf(deps, accountId, userId)
    if (sight.others === 'nothing' && sight.own === null) return []
    const rows =
      folder === undefined
        ? await ofAccount(db, filter, sight, page)
        : await ofFolder(
            db,
            { ...filter, folder, withDrafts: await deps.mayRead(accountId, userId) },
            sight,
            page,
          )
    return rows.map((row) => maskItem(toItem(row), levelIn(sight, row) ?? 'metadata'))
  }

const ofAccount = (
  db: Kysely<unknown>,
  { accountId, direction, ...span }: MessageFilter,
  sight: Sight,
  page: Page,
): Promise<MessageRow[]> => {
  const found = tablesOf(db, messages)
    .selectFrom('message')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('listed', '=', sql.lit(true))
    .where(isWithin('received_at', span))
    .where(isIn(sight))
    .$if(direction !== undefined, (query) => query.where('direction', '=', direction!))
  return paged(found, byTime('message'), page).execute()
}

const ofFolder = async (
  db: Kysely<unknown>,
  {
    accountId,
    folder,
    withDrafts,
    ...span
  }: MessageFilter & { readonly folder: string; readonly withDrafts: boolean },
  sight: Sight,
  page: Page,
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
  const located = tables
    .selectFrom('located')
    .innerJoin('message', 'message.id', 'located.id')
    .selectAll('message')
    .where('located.account_id', '=', accountId)
    .where('located.folder', '=', found.folder)
    .where(isWithin('located.received_at', span))
    .where(isIn(sight))
    .$if(!withDrafts, (query) => query.where('message.listed', '=', sql.lit(true)))
  return paged(located, byTime('located'), page).execute()
}

/** Where a message is in the mailbox, as far as that is known, whether or not it is in the lists. */
export const placesOf =
  (db: Kysely<unknown>) =>
  async (id: string): Promise<MessageRow['places']> => {
    const row = await tablesOf(db, messages)
      .selectFrom('message')
      .select('places')
      .where('id', '=', id)
      .executeTakeFirst()
    return row?.places ?? []
  }

/** Messages of an account by their ids, in the same order, as far as this user (null: a program) sees them. */
export const messagesOf =
  (db: Kysely<unknown>, deps: SightDeps) =>
  async (accountId: string, ids: readonly string[], userId: string | null): Promise<VisibleMessage[]> => {
    const sight = await sightOf(deps, accountId, userId)
    return messagesBy(db)(ids, () => sight)
  }

/** Messages by their ids, in the same order, as far as they are in sight; others and missing ones are left out. */
export const messagesBy =
  (db: Kysely<unknown>) =>
  async (ids: readonly string[], sightOn: (accountId: string) => Sight): Promise<VisibleMessage[]> => {
    const rows = await tablesOf(db, messages)
      .selectFrom('message')
      .selectAll()
      .where(sql<boolean>`id = any(${[...ids]}::text[])`)
      .execute()
    const byId = new Map(
      rows.flatMap((row) => {
        const level = levelIn(sightOn(row.account_id), row)
        return level === null ? [] : [[row.id, maskItem(toItem(row), level)] as const]
      }),
    )
    return ids.flatMap((id) => byId.get(id) ?? [])
  }

/**
 * A message by its id, or by the id of its copy in the mailbox, as far as this user (null: a program) sees it. Emails
 * not sent yet, drafts and quarantined messages are found too, by those who may use the account;
 * deleted and hidden ones are not.
 */
export const findMessage =
  (db: Kysely<unknown>, deps: MessageDeps) =>
  async (id: string, userId: string | null): Promise<VisibleMessageDetail | null> => {
    const row = await rowOf(db, id)
    if (!row || !(row.listed || (await deps.mayRead(row.account_id, userId)))) return null
    const visibility = levelIn(await sightOf(deps, row.account_id, userId), row)
    return visibility === null ? null : maskDetail(toDetail(row), visibility)
  }

/** The same for ourselves. */
export const readMessage =
  (db: Kysely<unknown>) =>
  async (id: string): Promise<MessageDetail | null> => {
    const row = await rowOf(db, id)
    return row ? toDetail(row) : null
  }

const rowOf = (db: Kysely<unknown>, id: string): Promise<MessageRow | undefined> => {
  const tables = tablesOf(db, messages)
  const alias = tables.selectFrom('alias').select('message_id').where('id', '=', id)
  return tables
    .selectFrom('message')
    .selectAll()
    .where('id', '=', (of) => of.fn.coalesce(alias, sql<string>`${id}`))
    .where('deleted_at', 'is', null)
    .where('hidden_by', 'is', null)
    .executeTakeFirst()
}
