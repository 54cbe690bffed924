import { sql, type Kysely, type RawBuilder } from 'kysely'
import { marksIn, extractOf, wantedBy, type Mark } from '../../domain/search/marks.ts'
import type { Question } from '../../domain/search/question.ts'
import {
  allOf as every,
  anyOf,
  personQuery,
  queryOf,
  wordQuery,
  type Stems,
  type Weights,
} from '../../domain/search/terms.ts'
import { wordsOfSpan } from '../../domain/search/time-words.ts'
import type { Unit } from '../../domain/search/units.ts'
import { allOf, schemaOf, type Span, type Visible } from '../projection.ts'
import { messagesBy, type VisibleMessage } from './find-messages.ts'
import { messages } from './messages.ts'

/** What is searched for; what is undefined or null narrows nothing. */
export type Search = Span & {
  /** The accounts whose mail may be found. */
  readonly accounts: ReadonlyMap<string, Visible> | 'all'
  readonly question: Question | null
  readonly subject: Question | null
  readonly sender: readonly Unit[] | null
  readonly recipient: readonly Unit[] | null
  /** Queries for the `message_id`s of what is linked to records; it must be linked to all of them. */
  readonly linked: readonly RawBuilder<unknown>[]
  readonly hasAttachment: boolean | undefined
  /** Its path or its role, such as `inbox`. */
  readonly folder: string | undefined
  readonly unread: boolean | undefined
  readonly direction: 'in' | 'out' | undefined
  readonly automatic: boolean | undefined
}

/** Messages are ordered by `at`, then `id`. `extract` is null where the text is not visible. */
export type Hit = VisibleMessage & {
  readonly at: string
  readonly subjectMarks: Mark[]
  readonly extract: { readonly text: string; readonly marks: Mark[] } | null
}

type After = readonly [at: string, id: string] | null
type Row = { readonly id: string; readonly at: string; readonly account_id: string }

/** Milliseconds for one statement of a search. */
const PATIENCE_MS = 2000
/** Newest first, in ever longer spans of days, so that a word that is everywhere is found at once, and a rare one too. */
const SPANS_DAYS = [1, 8, 64, 512] as const
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Messages that have what is asked for, the latest first. What may not be seen is not looked at: of an account at the
 * level `subject` only people and subjects are, at `metadata` only people.
 * @returns `too-broad` if it takes too long
 */
export const searchMessages =
  (db: Kysely<unknown>, { stems }: { readonly stems: Stems }) =>
  async (
    search: Search,
    { after, limit }: { readonly after: After; readonly limit: number },
  ): Promise<Hit[] | 'too-broad'> => {
    const query = tsqueryOf(search, stems)
    if (query === null) return []
    return db
      .transaction()
      .setAccessMode('read only')
      .execute(async (trx) => {
        await sql`select set_config('statement_timeout', ${`${PATIENCE_MS}`}, true), set_config('jit', 'off', true)`.execute(
          trx,
        )
        return shown(trx, search, stems, await found(trx, search, query, after, limit))
      })
      .catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === QUERY_CANCELED)
          return 'too-broad' as const
        throw error
      })
  }

const QUERY_CANCELED = '57014'

const found = async (
  db: Kysely<unknown>,
  search: Search,
  query: string,
  after: After,
  limit: number,
): Promise<Row[]> => {
  const bounds = await boundsOf(db, search, after)
  if (bounds === null) return []
  const rows: Row[] = []
  let to = bounds.to
  // What is linked to a record is seldom so much that it must be looked at piece by piece.
  for (const days of search.linked.length > 0 ? [Infinity] : [...SPANS_DAYS, Infinity]) {
    const from = Math.max(bounds.from - 1, to - days * DAY_MS)
    rows.push(...(await foundIn(db, search, query, { from, to }, after, limit - rows.length)))
    to = from
    if (rows.length >= limit || to < bounds.from) break
  }
  return rows
}

/** Between which instants there is mail that may be found; null if there is none. */
const boundsOf = async (db: Kysely<unknown>, { from, to }: Search, after: After) => {
  const { rows } = await sql<{ oldest: string | null; newest: string | null }>`
    select (select min(received_at) from mailtrail.message_text) as oldest,
      (select max(received_at) from mailtrail.message_text) as newest`.execute(db)
  const { oldest = null, newest = null } = rows[0] ?? {}
  if (oldest === null || newest === null) return null
  const ends = [newest, to, after?.[0]].filter((end) => end !== undefined).map((end) => Date.parse(end))
  const bounds = {
    from: Math.max(Date.parse(oldest), from === undefined ? -Infinity : Date.parse(from)),
    to: Math.min(...ends),
  }
  return bounds.from > bounds.to ? null : bounds
}

/** A span of time in milliseconds, without `from` itself. */
type Within = { readonly from: number; readonly to: number }
/** The months of a longer span are more words than save anything. */
const MOST_TIME_DAYS = 2400

const foundIn = async (
  db: Kysely<unknown>,
  search: Search,
  query: string,
  within: Within,
  after: After,
  limit: number,
): Promise<Row[]> => {
  const [from, to] = [new Date(within.from), new Date(within.to)]
  const times =
    within.to - within.from > MOST_TIME_DAYS * DAY_MS || search.linked.length > 0 ? [] : wordsOfSpan(from, to)
  const narrowed = [
    ...(query === '' ? [] : [query]),
    ...(times.length === 0 ? [] : [anyOf(times.map(wordQuery))]),
  ]
  const matches = narrowed.length === 0 ? sql`true` : sql`words @@ ${every(narrowed)}::tsquery`
  const linked = search.linked.map((ids) => sql`message_id in (${ids})`)
  const later =
    after === null ? sql`true` : sql`(received_at, message_id) < (${after[0]}::timestamptz, ${after[1]})`
  // In this order, so that of many messages only as many are looked up as are shown.
  const { rows } = await sql<Row>`
    with found as materialized (
      select message_id, account_id, received_at from mailtrail.message_text
      where ${allOf([matches, ...linked])} and received_at > ${from.toISOString()}::timestamptz
        and received_at <= ${to.toISOString()}::timestamptz and ${later})
    select f.message_id as id, f.received_at as at, f.account_id
    from (select * from found order by received_at desc, message_id desc offset 0) f
    cross join lateral (
      select from ${sql.table(`${schemaOf(messages)}.message`)} m where m.id = f.message_id and ${isMeant(search)}
      limit 1) m
    limit ${limit}`.execute(db)
  return rows
}

const isMeant = ({ folder, unread, direction, automatic }: Search): RawBuilder<boolean> =>
  allOf([
    sql`m.listed`,
    direction !== undefined && sql`m.direction = ${direction}`,
    automatic !== undefined && sql`(m.automatic is not null) = ${automatic}`,
    unread !== undefined &&
      sql`(m.direction = 'in' and not jsonb_path_exists(m.places, '$[*].flags[*] ? (@ == "seen")')) = ${unread}`,
    folder !== undefined &&
      sql`exists (select from jsonb_to_recordset(m.places) as p (folder text, role text)
        where p.folder = ${folder} or p.role = ${folder.toLowerCase()})`,
  ])

/** Null if nothing of what is asked for may be seen, empty if no words are asked for. */
const tsqueryOf = (search: Search, stems: Stems): string | null => {
  const { accounts } = search
  if (accounts === 'all') {
    const conditions = [...(wordsAt('everything', search, stems) ?? []), ...peopleOf(search)]
    return conditions.length === 0 ? '' : every(conditions)
  }
  const byLevel = [...Map.groupBy(accounts, ([, level]) => level)].flatMap(([level, of]) => {
    const words = wordsAt(level, search, stems)
    return words === null ? [] : [every([...words, anyOf(of.map(([id]) => wordQuery(`account:${id}`)))])]
  })
  return byLevel.length === 0 ? null : every([anyOf(byLevel), ...peopleOf(search)])
}

const seenAt: Readonly<Record<Visible, Weights>> = { metadata: 'A', subject: 'AB', everything: '' }

/** Null if the level does not let it be seen. */
const wordsAt = (level: Visible, { question, subject }: Search, stems: Stems): string[] | null => {
  if (subject !== null && level === 'metadata') return null
  return [
    ...(question === null ? [] : [queryOf(question, seenAt[level], stems)]),
    ...(subject === null ? [] : [queryOf(subject, 'B', stems)]),
  ]
}

const peopleOf = ({ sender, recipient, hasAttachment }: Search): string[] => [
  ...(sender === null ? [] : [personQuery(sender, 'from')]),
  ...(recipient === null ? [] : [personQuery(recipient, 'to')]),
  ...(hasAttachment === undefined ? [] : [`${hasAttachment ? '' : '!'}${wordQuery('has:attachment')}`]),
]

/** The messages with what was found in them. */
const shown = async (
  db: Kysely<unknown>,
  { accounts, question, subject }: Search,
  stems: Stems,
  rows: readonly Row[],
): Promise<Hit[]> => {
  const ids = rows.map(({ id }) => id)
  const { rows: texts } = await sql<{ id: string; language: string | null; beginning: string }>`
    select message_id as id, language, beginning from mailtrail.message_text
    where message_id = any(${ids}::text[])`.execute(db)
  const textOf = new Map(texts.map((text) => [text.id, text]))
  const atOf = new Map(rows.map(({ id, at }) => [id, at]))
  const visibilityOf = (id: string): Visible =>
    accounts === 'all' ? 'everything' : (accounts.get(id) ?? 'metadata')
  const inText = wantedBy([question ?? []], stems)
  const inSubject = wantedBy([question ?? [], subject ?? []], stems)
  return (await messagesBy(db)(ids, visibilityOf)).map((message) => {
    const { language = null, beginning = '' } = textOf.get(message.id) ?? {}
    return {
      ...message,
      at: atOf.get(message.id) ?? message.receivedAt,
      subjectMarks: marksIn(message.subject ?? '', inSubject, language, stems),
      extract:
        message.visibility === 'everything'
          ? extractOf(beginning, marksIn(beginning, inText, language, stems))
          : null,
    }
  })
}
