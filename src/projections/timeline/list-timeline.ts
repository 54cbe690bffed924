import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Actor } from '../../domain/event.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { EntryKind } from '../../domain/timeline/kinds.ts'
import type { Verdict } from '../../domain/tracking/classify-hit.ts'
import { shows } from '../../domain/visibility.ts'
import {
  allOf,
  isWithin,
  schemaOf,
  tablesOf,
  type Masked,
  type Page,
  type Span,
  type VisibilityDeps,
  type Visible,
} from '../projection.ts'
import { timeline } from './entries.ts'
import { mergedWith, presentRecords } from './merged-contacts.ts'
import type { EntryRow } from './tables.ts'

/** Whose timeline it is. Of a thread it is that of its messages. */
export type TimelineOf =
  | RecordRef
  | { readonly kind: 'account'; readonly id: string }
  | { readonly kind: 'messages'; readonly ids: readonly string[] }

export type TimelineFilter = {
  readonly userId: string | null
  readonly kinds?: readonly EntryKind[] | undefined
  readonly direction?: 'in' | 'out' | undefined
  readonly accountId?: string | undefined
  /** Of opens and clicks; undefined for all. */
  readonly verdict?: Verdict | undefined
} & Span

type TimelineEntry = {
  id: string
  at: string
  kind: EntryKind
  direction: 'in' | 'out' | null
  verdict: Verdict | null
  accountId: string | null
  /** The email or message that it is about. */
  messageId: string | null
  emailId: string | null
  replyId: string | null
  records: RecordRef[]
  title: string | null
  from: readonly WrittenMailbox[]
  to: readonly WrittenMailbox[]
  text: string | null
  link: { readonly url: string; readonly text: string } | null
  count: number
  lastAt: string
  actor: Actor | null
  position: string
}
export type VisibleEntry = Masked<TimelineEntry, 'title' | 'text' | 'link'>

export type TimelineDeps = Pick<VisibilityDeps, 'visibleAccounts'> & {
  readonly usableAccounts: (userId: string) => Promise<readonly string[]>
}

/**
 * A page of a timeline, newest first, as far as this user (null: a program) sees it, with the position of the log that it
 * is as of.
 */
export const listTimeline =
  (db: Kysely<unknown>, { visibleAccounts, usableAccounts }: TimelineDeps) =>
  async (
    of: TimelineOf,
    filter: TimelineFilter,
    page: Page,
  ): Promise<{ entries: VisibleEntry[]; position: string | null }> => {
    const visible = await visibleAccounts(filter.userId)
    const usable = filter.userId === null ? 'all' : await usableAccounts(filter.userId)
    const matches = allOf([isAsked(filter), isVisible(visible, usable)])
    return db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (transaction) => {
        const rows = await pageOfRows(transaction, of, filter.kinds, matches, page)
        const present = await presentRecords(
          transaction,
          rows.flatMap(({ records }) => records),
        )
        const head = await tablesOf(transaction, timeline)
          .selectFrom('head')
          .select('position')
          .executeTakeFirst()
        const entries = rows.map((row) => entryFor(row, levelFor(row, visible), present(row.records)))
        return { entries, position: head?.position ?? null }
      })
  }

const levelFor = ({ account_id }: EntryRow, visible: ReadonlyMap<string, Visible> | 'all'): Visible =>
  account_id === null || visible === 'all' ? 'everything' : (visible.get(account_id) ?? 'metadata')

const isAsked = ({ direction, accountId, verdict, from, to }: TimelineFilter): RawBuilder<boolean> =>
  allOf([
    isWithin('at', { from, to }),
    direction !== undefined && sql`direction = ${direction}`,
    accountId !== undefined && sql`account_id = ${accountId}`,
    verdict !== undefined && sql`(verdict is null or verdict = ${verdict})`,
  ])

/** What was not sent or received is for those who may use the account; notes are of no account. */
const isVisible = (
  visible: ReadonlyMap<string, Visible> | 'all',
  usable: readonly string[] | 'all',
): RawBuilder<boolean> => {
  if (visible === 'all' || usable === 'all') return sql`true`
  return sql`(account_id is null or account_id = any(${[...usable]}::text[])
    or not inward and account_id = any(${[...visible.keys()]}::text[]))`
}

const tableNamed = (name: keyof typeof timeline.tables) => sql.table(`${schemaOf(timeline)}.${name}`)

/** The entries of a timeline, as one or several walks along an index. */
type Walks = {
  readonly ids: readonly string[]
  readonly table: RawBuilder<unknown>
  readonly where: RawBuilder<boolean>
}

const walksOf = async (db: Kysely<unknown>, of: TimelineOf): Promise<Walks> => {
  switch (of.kind) {
    case 'account':
      return { ids: [of.id], table: tableNamed('entry'), where: sql`shown and account_id = walk.id` }
    case 'messages':
      return { ids: of.ids, table: tableNamed('entry'), where: sql`shown and message_id = walk.id` }
    case 'contact':
    case 'company':
    case 'deal':
      return {
        ids: of.kind === 'contact' ? await mergedWith(db, of.id) : [of.id],
        table: tableNamed('on_record'),
        where: sql`record_kind = ${of.kind} and record_id = walk.id`,
      }
  }
}

/**
 * Each walk goes along an index in the order of the list, no further than the page needs: one for each kind that is asked
 * for, and for each contact that was merged into this one.
 */
const pageOfRows = async (
  db: Kysely<unknown>,
  of: TimelineOf,
  kinds: readonly EntryKind[] | undefined,
  matches: RawBuilder<boolean>,
  page: Page,
): Promise<EntryRow[]> => {
  const { ids, table, where } = await walksOf(db, of)
  const asked = kinds === undefined ? sql`(values (null::text))` : sql`unnest(${[...kinds]}::text[])`
  const isKind = kinds === undefined ? sql`true` : sql`kind = asked.kind`
  const { after, limit, descending } = page
  const order = sql.raw(descending ? 'desc' : 'asc')
  const behind =
    after === null
      ? sql`true`
      : sql`(at, entry_id) ${sql.raw(descending ? '<' : '>')} (${after[0]}::timestamptz, ${after[1]}::text)`
  const { rows } = await sql<EntryRow>`
    select entry.* from (
      select distinct at, entry_id
      from unnest(${[...ids]}::text[]) as walk(id), ${asked} as asked(kind), lateral (
        select at, entry_id from ${table}
        where ${where} and ${isKind} and ${matches} and ${behind}
        order by at ${order}, entry_id ${order} limit ${limit}
      ) as found
      order by at ${order}, entry_id ${order} limit ${limit}
    ) as page join ${tableNamed('entry')} as entry using (entry_id)
    order by page.at ${order}, entry_id ${order}`.execute(db)
  return rows
}

/** As much of an entry as is visible: what a mail says, why it failed and what was clicked are part of its content. */
const entryFor = (row: EntryRow, visibility: Visible, records: RecordRef[]): VisibleEntry => {
  const { title, text, link, from, to, replyId, actor } = row.content
  const { message_id: messageId } = row
  return {
    id: row.entry_id,
    at: row.at,
    kind: row.kind as EntryKind,
    direction: row.direction as 'in' | 'out' | null,
    verdict: row.verdict as Verdict | null,
    accountId: row.account_id,
    messageId,
    emailId: messageId?.startsWith('out_') === true ? messageId : null,
    replyId,
    records,
    title: shows(visibility, 'subject') ? title : null,
    from,
    to,
    text: visibility === 'everything' ? text : null,
    link: visibility === 'everything' ? link : null,
    count: row.count,
    lastAt: row.last_at,
    actor,
    position: row.position,
    visibility,
  }
}
