import { sql, type Kysely } from 'kysely'
import { tablesOf, type Page, type VisibilityDeps } from '../projection.ts'
import { timeline } from './entries.ts'
import { presentRecords } from './merged-contacts.ts'
import type { EntryRow } from './tables.ts'
import { entryFor, levelFor, type VisibleEntry } from './visible-entry.ts'
import {
  isAsked,
  isVisible,
  tableNamed,
  walksOf,
  type Seen,
  type TimelineFilter,
  type TimelineOf,
} from './walks.ts'

export type TimelineDeps = Pick<VisibilityDeps, 'visibleAccounts'> & {
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
}

/**
 * A page of a timeline, newest first, as far as this user (null: a program) sees it, with the position of the log that it
 * is as of.
 */
export const listTimeline =
  (db: Kysely<unknown>, deps: TimelineDeps) =>
  async (
    of: TimelineOf,
    filter: TimelineFilter,
    page: Page,
  ): Promise<{ entries: VisibleEntry[]; position: string | null }> => {
    const seen = await seenBy(deps, filter.userId)
    return inOneView(db, async (view) => {
      const rows = await pageOfRows(view, of, filter, seen, page)
      return { entries: await visibleEntries(view, rows, seen), position: await positionOf(view) }
    })
  }

export const seenBy = async (
  { visibleAccounts, readableAccounts }: TimelineDeps,
  userId: string | null,
): Promise<Seen> => ({
  visible: await visibleAccounts(userId),
  usable: userId === null ? 'all' : await readableAccounts(userId),
})

/** What is read within is as of one position. */
export const inOneView = <Answer>(
  db: Kysely<unknown>,
  read: (view: Kysely<unknown>) => Promise<Answer>,
): Promise<Answer> =>
  db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read)

export const positionOf = async (view: Kysely<unknown>): Promise<string | null> => {
  const head = await tablesOf(view, timeline).selectFrom('head').select('position').executeTakeFirst()
  return head?.position ?? null
}

export const visibleEntries = async (
  view: Kysely<unknown>,
  rows: readonly EntryRow[],
  { visible }: Seen,
): Promise<VisibleEntry[]> => {
  const present = await presentRecords(
    view,
    rows.flatMap(({ records }) => records),
  )
  return rows.map((row) => entryFor(row, levelFor(row, visible), present(row.records)))
}

/** Each walk goes along an index in the order of the list, no further than the page needs. */
const pageOfRows = async (
  db: Kysely<unknown>,
  of: TimelineOf,
  filter: TimelineFilter,
  seen: Seen,
  { after, limit, descending }: Page,
): Promise<EntryRow[]> => {
  const { table, where, ranges } = await walksOf(db, of, filter, seen)
  const order = sql.raw(descending ? 'desc' : 'asc')
  const behind =
    after === null
      ? sql`true`
      : sql`(at, entry_id) ${sql.raw(descending ? '<' : '>')} (${after[0]}::timestamptz, ${after[1]}::text)`
  const { rows } = await sql<EntryRow>`
    select entry.* from (
      select distinct at, entry_id
      from unnest(
        ${ranges.map(({ id }) => id)}::text[],
        ${ranges.map(({ account }) => account ?? '')}::text[],
        ${ranges.map(({ sort }) => sort ?? '')}::text[]
      ) as walk(id, account, sort), lateral (
        select at, entry_id from ${table}
        where ${where} and ${isAsked(filter)} and ${isVisible(seen)} and ${behind}
        order by at ${order}, entry_id ${order} limit ${limit}
      ) as found
      order by at ${order}, entry_id ${order} limit ${limit}
    ) as page join ${tableNamed('entry')} as entry using (entry_id)
    order by page.at ${order}, entry_id ${order}`.execute(db)
  return rows
}
