import { sql, type Kysely, type RawBuilder } from 'kysely'
import { allOf as every, anyOf, wordQuery } from '../../domain/search/terms.ts'
import { wordsOfSpan } from '../../domain/search/time-words.ts'
import { allOf, schemaOf } from '../projection.ts'
import { messages } from './messages.ts'
import { conditionsOf, type Fulfilling, type SearchConditions } from './search-conditions.ts'
import { cheapestWay, type Way } from './search-ways.ts'

export type SearchPage = {
  readonly after: readonly [at: string, id: string] | null
  readonly limit: number
}
export type FoundRow = { readonly id: string; readonly at: string; readonly account_id: string }

/**
 * As PostgreSQL reads a tsquery; empty for all messages. `candidates` finds what `words` finds and maybe more, and can
 * be answered from the index alone.
 */
type SearchWords = { readonly words: string; readonly candidates: string }

/** So many messages are looked at first, to know how many have the words. */
const FIRST = 1000
/** Fewer messages that fulfil a condition are counted, and compared in memory. */
const MOST_FEW = 30_000

/**
 * The latest messages that have the words and fulfil the conditions. First the latest are looked at: what is everywhere
 * is found there. What they tell of the rest says how to go on.
 */
export const latestWith = async (
  db: Kysely<unknown>,
  search: SearchConditions,
  words: SearchWords,
  page: SearchPage,
): Promise<FoundRow[]> => {
  const range = await rangeOf(db, search, page)
  if (range === null) return []
  const asked = { search, words, page }
  const found: FoundRow[] = []
  const seen = { messages: 0, candidates: 0, found: 0 }
  let [way, to, few] = [{ among: 'latest', messages: FIRST } as Way, range.to, null as Few | null]
  for (;;) {
    const from =
      way.among === 'latest' ? await beginningOf(db, { from: range.from, to }, way.messages) : range.from
    const { rows, candidates } = await foundIn(db, asked, { from, to, way, few }, page.limit - found.length)
    found.push(...rows)
    if (found.length >= page.limit || from <= range.from || way.among !== 'latest') return found
    if (seen.messages === 0) few = await fewestOf(db, search)
    seen.messages += way.messages
    seen.candidates += candidates
    seen.found += rows.length
    to = from
    way = cheapestWay({
      seen,
      messages: range.messages,
      rest: range.messages - seen.messages,
      wanted: page.limit - found.length,
      few,
    })
  }
}

/** A span of time in milliseconds, without `from` itself. */
type Within = { readonly from: number; readonly to: number }

/** Between which instants there is mail that may be found, and roughly how much; null if there is none. */
const rangeOf = async (
  db: Kysely<unknown>,
  { from, to }: SearchConditions,
  { after }: SearchPage,
): Promise<(Within & { readonly messages: number }) | null> => {
  const { rows } = await sql<{ oldest: string | null; newest: string | null; total: number }>`
    select (select min(received_at) from mailtrail.message_text) as oldest,
      (select max(received_at) from mailtrail.message_text) as newest,
      (select reltuples from pg_class where oid = 'mailtrail.message_text'::regclass) as total`.execute(db)
  const { oldest = null, newest = null, total = 0 } = rows[0] ?? {}
  if (oldest === null || newest === null) return null
  const [first, last] = [Date.parse(oldest) - 1, Date.parse(newest)]
  const ends = [to, after?.[0]].filter((end) => end !== undefined).map((end) => Date.parse(end))
  const range = {
    from: Math.max(first, from === undefined ? first : Date.parse(from) - 1),
    to: Math.min(last, ...ends),
  }
  if (range.from >= range.to) return null
  return { ...range, messages: (total * (range.to - range.from)) / (last - first) }
}

/** When so many messages before the end of a span begin, or the span. */
const beginningOf = async (
  db: Kysely<unknown>,
  { from, to }: Within,
  messagesBefore: number,
): Promise<number> => {
  const { rows } = await sql<{ at: string }>`
    select received_at as at from mailtrail.message_text where ${isIn({ from, to })}
    order by received_at desc offset ${messagesBefore} limit 1`.execute(db)
  // All of the last instant belong to the span.
  return rows[0] ? Math.min(Date.parse(rows[0].at), to - 1) : from
}

const isIn = ({ from, to }: Within, at = sql`received_at`): RawBuilder<boolean> =>
  sql`${at} > ${new Date(from).toISOString()}::timestamptz and ${at} <= ${new Date(to).toISOString()}::timestamptz`

/** The messages that fulfil one of the conditions, and how many these are. */
type Few = Fulfilling & { readonly count: number }

/** The condition that the fewest messages fulfil, if they are few. */
const fewestOf = async (db: Kysely<unknown>, search: SearchConditions): Promise<Few | null> => {
  const conditions = conditionsOf(search).flatMap(({ of }) => of ?? [])
  if (conditions.length === 0) return null
  const counts = conditions.map(
    ({ query }, nth) =>
      sql`select ${nth}::int as nth, count(*)::int as count from (${query} limit ${MOST_FEW}) as fulfilling`,
  )
  const { rows } = await sql<{ nth: number; count: number }>`
    select * from (${sql.join(counts, sql` union all `)}) as counts order by count limit 1`.execute(db)
  const { nth, count } = rows[0]!
  return count < MOST_FEW ? { ...conditions[nth]!, count } : null
}

/** The months of a longer span are more words than save anything. */
const MOST_TIME_DAYS = 2400
const DAY_MS = 24 * 60 * 60 * 1000

const timesOf = ({ from, to }: Within): readonly string[] =>
  to - from > MOST_TIME_DAYS * DAY_MS ? [] : [anyOf(wordsOfSpan(new Date(from), new Date(to)).map(wordQuery))]

type Asked = {
  readonly search: SearchConditions
  readonly words: SearchWords
  readonly page: SearchPage
}
type Where = Within & { readonly way: Way; readonly few: Few | null }

const has = (words: readonly string[]): RawBuilder<unknown> =>
  words.length === 0 ? sql`true` : sql`t.words @@ ${every(words)}::tsquery`

/** What is found in a span of time, at most `limit`, and how many candidates for it there are. */
const foundIn = async (
  db: Kysely<unknown>,
  { search, words: { words, candidates }, page: { after } }: Asked,
  { way, few, ...span }: Where,
  limit: number,
): Promise<{ rows: FoundRow[]; candidates: number }> => {
  const oneByOne = way.among === 'few' ? few : null
  const isShort = way.among === 'latest' || search.from !== undefined || search.to !== undefined
  const parts = [...(candidates === '' ? [] : [candidates]), ...(isShort ? timesOf(span) : [])]
  // Where an index tells the words, none may tell the time: PostgreSQL would then compare the words of each message.
  const at = parts.length === 0 ? sql`t.received_at` : sql`(t.received_at + interval '0')`
  const isWithin = sql`${isIn(span, at)}
    and ${after === null ? sql`true` : sql`(${at}, t.message_id) < (${after[0]}::timestamptz, ${after[1]})`}`
  const columns = sql`t.message_id as id, t.account_id, t.received_at as at`
  const holds = [
    ...conditionsOf(search).map((condition) => condition.holds),
    // As a value, because PostgreSQL leaves that for last.
    words !== '' &&
      (oneByOne !== null || words !== candidates) &&
      sql`(select ${has([words])} from mailtrail.message_text t where t.message_id = m.id)`,
  ]
  /** The first of what is in the order of time, so that of many messages only as many are looked up as are shown. */
  const firstOf = (ordered: RawBuilder<unknown>) => sql`
    select c.* from (${ordered} offset 0) c
    cross join lateral (
      select from ${sql.table(`${schemaOf(messages)}.message`)} m where m.id = c.id and ${allOf(holds)} limit 1) m
    limit ${limit}`
  const inOrder = sql`order by at desc, id desc`
  if (oneByOne !== null) {
    const ids = oneByOne.isByTime
      ? sql`select id from (${oneByOne.query}) as few where ${isIn(span, sql`at`)} ${inOrder}`
      : sql`select distinct id from (${oneByOne.query}) as few`
    const each = sql`select t.* from (${ids}) as few cross join lateral (
      select ${columns} from mailtrail.message_text t where t.message_id = few.id and ${isWithin} offset 0) t`
    const { rows } = await firstOf(oneByOne.isByTime ? each : sql`${each} ${inOrder}`).execute(db)
    return { rows: rows as FoundRow[], candidates: 0 }
  }
  // With a limit, because PostgreSQL keeps ids in memory only if it expects few.
  const isFew =
    few === null ? sql`true` : sql`t.message_id in (select id from (${few.query} limit ${MOST_FEW}) as few)`
  const { rows } = await sql<FoundRow & { candidates: number }>`
    with candidate as materialized (
      select ${columns}, ${isFew} as wanted from mailtrail.message_text t where ${has(parts)} and ${isWithin})
    select counted.candidates, found.id, found.at, found.account_id
    from (select count(*)::int as candidates from candidate) as counted
    left join (${firstOf(sql`select * from candidate where wanted ${inOrder}`)}) as found on true`.execute(db)
  return { rows: rows.filter(({ id }) => id !== null), candidates: rows[0]?.candidates ?? 0 }
}
