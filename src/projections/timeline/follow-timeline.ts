import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { RecordRef } from '../../domain/linking/events.ts'
import { tablesOf } from '../projection.ts'
import { timeline } from './entries.ts'
import { inOneView, positionOf, seenBy, visibleEntries, type TimelineDeps } from './list-timeline.ts'
import { mergedWith } from './merged-contacts.ts'
import type { VisibleEntry } from './visible-entry.ts'
import { isAsked, isSort, isVisible, tableNamed, type Seen, type TimelineFilter } from './walks.ts'

/** Whose timeline can be followed. */
export type Followed = RecordRef | { readonly kind: 'account'; readonly id: string }

/** An entry that changed; without `entry` it is not, or no longer, on the timeline that is asked for. */
export type Change = {
  readonly id: string
  readonly position: string
  readonly entry: VisibleEntry | null
}

type ChangesPage = {
  readonly since: string
  readonly after: readonly [position: string, id: string] | null
  readonly limit: number
}

/** What changed in a timeline after a position, in the order of the log, each entry as it is now. */
export const followTimeline =
  (db: Kysely<unknown>, deps: TimelineDeps) =>
  async (
    of: Followed,
    filter: TimelineFilter,
    page: ChangesPage,
  ): Promise<{ changes: Change[]; position: string | null }> => {
    const seen = await seenBy(deps, filter.userId)
    return inOneView(db, async (view) => {
      const changed = await changedRows(view, of, filter, seen, page)
      const ids = changed.flatMap(({ entry_id, is_on }) => (is_on ? [entry_id] : []))
      const rows = await tablesOf(view, timeline)
        .selectFrom('entry')
        .selectAll()
        .where('entry_id', 'in', ids.length === 0 ? [''] : ids)
        .execute()
      const entries = await visibleEntries(view, rows, seen)
      const byId = new Map(entries.map((entry) => [entry.id, entry]))
      const changes = changed.map(({ entry_id: id, position }) => ({
        id,
        position,
        entry: byId.get(id) ?? null,
      }))
      return { changes, position: await positionOf(view) }
    })
  }

const changedRows = async (
  view: Kysely<unknown>,
  of: Followed,
  filter: TimelineFilter,
  seen: Seen,
  { since, after, limit }: ChangesPage,
): Promise<{ entry_id: string; position: string; is_on: boolean }[]> => {
  const ranges = await rangesOf(view, of, since)
  const [table, where] = tableOf(of)
  const behind =
    after === null ? sql`true` : sql`(position, entry_id) > (${after[0]}::text, ${after[1]}::text)`
  const { accountId } = filter
  const ofAccount = accountId === undefined ? sql`true` : sql`account_id = ${accountId}`
  const { rows } = await sql<{ entry_id: string; position: string; is_on: boolean }>`
    select position, entry_id, bool_or(is_on) as is_on
    from unnest(${ranges.map(({ id }) => id)}::text[], ${ranges.map((range) => range.since)}::text[])
      as walk(id, since), lateral (
        select position, entry_id, shown and ${isSort(filter)} and ${isAsked(filter)} as is_on from ${table}
        where ${where} and position > walk.since and ${behind} and ${ofAccount} and ${isVisible(seen)}
        order by position, entry_id limit ${limit}
      ) as found
    group by position, entry_id order by position, entry_id limit ${limit}`.execute(view)
  return rows
}

const tableOf = ({ kind }: Followed): [RawBuilder<unknown>, RawBuilder<boolean>] =>
  kind === 'account'
    ? [tableNamed('entry'), sql`account_id = walk.id`]
    : [tableNamed('on_record'), sql`record_kind = ${kind} and record_id = walk.id`]

/** All of the timeline of a contact that was merged with this one since then is new. */
const rangesOf = async (
  view: Kysely<unknown>,
  { kind, id }: Followed,
  since: string,
): Promise<{ id: string; since: string }[]> => {
  if (kind !== 'contact') return [{ id, since }]
  const before = new Set(await mergedWith(view, id, since))
  return (await mergedWith(view, id)).map((each) => ({ id: each, since: before.has(each) ? since : '' }))
}
