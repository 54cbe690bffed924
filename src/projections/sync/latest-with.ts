import { sql, type Kysely, type RawBuilder } from 'kysely'
import { allOf as every, anyOf, wordQuery } from '../../domain/search/terms.ts'
import { wordsOfSpan } from '../../domain/search/time-words.ts'
import { allOf, schemaOf } from '../projection.ts'
import { messages } from './messages.ts'
import { conditionsOf, type SearchConditions } from './search-conditions.ts'

export type SearchPage = {
  readonly after: readonly [at: string, id: string] | null
  readonly limit: number
}
export type FoundRow = { readonly id: string; readonly at: string; readonly account_id: string }

const DAY_MS = 24 * 60 * 60 * 1000
/** Of so few messages each is looked at, instead of those that have the words. */
const FEW = 3000
/** How many messages with the words the second span should have; each further span twice as many. */
const PER_SPAN = 2000
/** So many messages are assumed before any was seen, for there may be days without mail. */
const ASSUMED = 30

/**
 * The latest messages that have the words of the query (all where it is empty) and fulfil the conditions. If few fulfil
 * one of them, these are looked through. Else it goes back in time, in spans as long as what was found up to then
 * suggests: a word that is everywhere is found in a day, and for a rare one there are not many spans.
 */
export const latestWith = async (
  db: Kysely<unknown>,
  search: SearchConditions,
  query: string,
  page: SearchPage,
): Promise<FoundRow[]> => {
  const bounds = await boundsOf(db, search, page)
  if (bounds === null) return []
  const asked = { search, query, page }
  const few = await fewestIds(db, search)
  if (few !== null) return (await foundIn(db, asked, { ...bounds, few }, page.limit)).rows
  const found: FoundRow[] = []
  let [to, days, matched] = [bounds.to, 1, ASSUMED]
  for (let expected = PER_SPAN; ; expected *= 2) {
    const from = Math.max(bounds.from, to - days * DAY_MS)
    const span = { from, to, few: null }
    const { rows, candidates } = await foundIn(db, asked, span, page.limit - found.length)
    found.push(...rows)
    if (found.length >= page.limit || from <= bounds.from) return found
    matched += candidates
    to = from
    days = Math.max(days, (expected * (bounds.to - to)) / DAY_MS / matched)
  }
}

/** Between which instants there is mail that may be found, in milliseconds without `from` itself; null if there is none. */
const boundsOf = async (db: Kysely<unknown>, { from, to }: SearchConditions, { after }: SearchPage) => {
  const { rows } = await sql<{ oldest: string | null; newest: string | null }>`
    select (select min(received_at) from mailtrail.message_text) as oldest,
      (select max(received_at) from mailtrail.message_text) as newest`.execute(db)
  const { oldest = null, newest = null } = rows[0] ?? {}
  if (oldest === null || newest === null) return null
  const ends = [newest, to, after?.[0]].filter((end) => end !== undefined).map((end) => Date.parse(end))
  const bounds = {
    from: Math.max(Date.parse(oldest), from === undefined ? -Infinity : Date.parse(from)) - 1,
    to: Math.min(...ends),
  }
  return bounds.from >= bounds.to ? null : bounds
}

/** The condition that the fewest messages may fulfil, if these are few. */
const fewestIds = async (
  db: Kysely<unknown>,
  search: SearchConditions,
): Promise<RawBuilder<unknown> | null> => {
  const conditions = conditionsOf(search).flatMap(({ ids }) => ids ?? [])
  if (conditions.length === 0) return null
  const counts = conditions.map(
    (ids, nth) => sql`select ${nth}::int as nth, count(*)::int as count from (${ids} limit ${FEW}) as ids`,
  )
  const { rows } = await sql<{ nth: number; count: number }>`
    select * from (${sql.join(counts, sql` union all `)}) as counts order by count limit 1`.execute(db)
  const [fewest] = rows
  return fewest && fewest.count < FEW ? (conditions[fewest.nth] ?? null) : null
}

/** A span of time in milliseconds, without `from` itself. */
type Within = { readonly from: number; readonly to: number }
/** The months of a longer span are more words than save anything. */
const MOST_TIME_DAYS = 2400

const timesOf = ({ from, to }: Within): readonly string[] =>
  to - from > MOST_TIME_DAYS * DAY_MS ? [] : [anyOf(wordsOfSpan(new Date(from), new Date(to)).map(wordQuery))]

type Asked = {
  readonly search: SearchConditions
  /** As PostgreSQL reads a tsquery; empty for all messages. */
  readonly query: string
  readonly page: SearchPage
}

/**
 * What is found in a span of time, at most `limit`, and how many messages of the span have the words. With `few`: among
 * these, and how many they are.
 */
const foundIn = async (
  db: Kysely<unknown>,
  { search, query, page: { after } }: Asked,
  span: Within & { readonly few: RawBuilder<unknown> | null },
  limit: number,
): Promise<{ rows: FoundRow[]; candidates: number }> => {
  const { few, from, to } = span
  const words = [...(query === '' ? [] : [query]), ...(few === null ? timesOf(span) : [])]
  const matches = words.length === 0 ? sql`true` : sql`t.words @@ ${every(words)}::tsquery`
  const isWithin = sql`t.received_at > ${new Date(from).toISOString()}::timestamptz
    and t.received_at <= ${new Date(to).toISOString()}::timestamptz
    and ${after === null ? sql`true` : sql`(t.received_at, t.message_id) < (${after[0]}::timestamptz, ${after[1]})`}`
  const columns = sql`t.message_id as id, t.account_id, t.received_at as at`
  const candidates =
    few === null
      ? sql`select ${columns} from mailtrail.message_text t where ${matches} and ${isWithin}`
      : sql`select t.* from (${few}) as few(id) cross join lateral (
          select ${columns} from mailtrail.message_text t where t.message_id = few.id and ${isWithin} offset 0) t`
  const holds = [
    ...conditionsOf(search).map((condition) => condition.holds),
    // As a value, because PostgreSQL leaves that for last.
    few !== null && sql`(select ${matches} from mailtrail.message_text t where t.message_id = m.id)`,
  ]
  // In this order, so that of many messages only as many are looked up as are shown.
  const { rows } = await sql<FoundRow & { candidates: number }>`
    with candidate as materialized (${candidates})
    select counted.candidates, found.*
    from (select count(*)::int as candidates from candidate) as counted
    left join (
      select c.* from (select * from candidate order by at desc, id desc offset 0) c
      cross join lateral (
        select from ${sql.table(`${schemaOf(messages)}.message`)} m where m.id = c.id and ${allOf(holds)} limit 1) m
      limit ${limit}) as found on true`.execute(db)
  return { rows: rows.filter(({ id }) => id !== null), candidates: rows[0]?.candidates ?? 0 }
}
