import { sql, type Kysely } from 'kysely'
import { extractOf, marker, wantedBy, type Mark } from '../../domain/search/marks.ts'
import type { Question } from '../../domain/search/question.ts'
import {
  allOf as every,
  anyOf,
  personQuery,
  queryOf,
  wordQuery,
  type Sought,
  type Stems,
  type Where,
} from '../../domain/search/terms.ts'
import type { Unit } from '../../domain/search/units.ts'
import type { Visible } from '../projection.ts'
import { messagesBy, type VisibleMessage } from './find-messages.ts'
import { latestWith, type FoundRow, type SearchPage } from './latest-with.ts'
import type { SearchConditions } from './search-conditions.ts'
import type { Sight } from './sight.ts'

/** What is searched for; what is undefined or null narrows nothing. */
export type Search = SearchConditions & {
  /** The accounts whose mail may be found. */
  readonly accounts: ReadonlyMap<string, Visible> | 'all'
  readonly question: Question | null
  readonly subject: Question | null
  readonly sender: readonly Unit[] | null
  readonly recipient: readonly Unit[] | null
  readonly hasAttachment: boolean | undefined
}

/** Messages are ordered by `at`, then `id`. `extract` is null where the text is not visible. */
export type Hit = VisibleMessage & {
  readonly at: string
  readonly subjectMarks: Mark[]
  readonly extract: { readonly text: string; readonly marks: Mark[] } | null
}

/** Milliseconds for one statement of a search. */
const PATIENCE_MS = 2000

/**
 * Messages that have what is asked for, the latest first. What may not be seen is not looked at: of an account at the
 * level `subject` only people and subjects are, at `metadata` only people.
 * @returns `too-broad` if it takes too long
 */
export const searchMessages =
  (db: Kysely<unknown>, { stems }: { readonly stems: Stems }) =>
  async (search: Search, { after, limit }: SearchPage): Promise<Hit[] | 'too-broad'> => {
    const words = tsqueryOf(search, { stems, loosely: false })
    const candidates = tsqueryOf(search, { stems, loosely: true })
    if (words === null || candidates === null) return []
    return db
      .transaction()
      .setAccessMode('read only')
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await sql.raw(SETTINGS).execute(trx)
        return shown(
          trx,
          search,
          stems,
          await latestWith(trx, search, { words, candidates }, { after, limit }),
        )
      })
      .catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === QUERY_CANCELED)
          return 'too-broad' as const
        throw error
      })
  }

const QUERY_CANCELED = '57014'

/** To look through all words is never faster than an index, though it may be expected to be. */
const SETTINGS = `
  set local statement_timeout = ${PATIENCE_MS};
  set local jit = off;
  set local enable_seqscan = off;
  set local work_mem = '16MB'`

/** Null if nothing of what is asked for may be seen, empty if no words are asked for. */
const tsqueryOf = (search: Search, how: Pick<Sought, 'stems' | 'loosely'>): string | null => {
  const { accounts } = search
  if (accounts === 'all') {
    const conditions = [...(wordsAt('everything', search, how) ?? []), ...peopleOf(search)]
    return conditions.length === 0 ? '' : every(conditions)
  }
  const byLevel = [...Map.groupBy(accounts, ([, level]) => level)].flatMap(([level, of]) => {
    const words = wordsAt(level, search, how)
    return words === null ? [] : [every([...words, anyOf(of.map(([id]) => wordQuery(`account:${id}`)))])]
  })
  return byLevel.length === 0 ? null : every([anyOf(byLevel), ...peopleOf(search)])
}

const seenAt: Readonly<Record<Visible, Where>> = {
  metadata: ['people:'],
  subject: ['people:', 'subject:'],
  everything: 'everywhere',
}

/** Null if the level does not let it be seen. */
const wordsAt = (
  level: Visible,
  { question, subject }: Search,
  how: Pick<Sought, 'stems' | 'loosely'>,
): string[] | null => {
  if (subject !== null && level === 'metadata') return null
  return [
    ...(question === null ? [] : [queryOf(question, { ...how, where: seenAt[level] })]),
    ...(subject === null ? [] : [queryOf(subject, { ...how, where: ['subject:'] })]),
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
  rows: readonly FoundRow[],
): Promise<Hit[]> => {
  const ids = rows.map(({ id }) => id)
  const { rows: texts } = await sql<{ id: string; language: string | null; beginning: string }>`
    select message_id as id, language, beginning from mailtrail.message_text
    where message_id = any(${ids}::text[])`.execute(db)
  const textOf = new Map(texts.map((text) => [text.id, text]))
  const atOf = new Map(rows.map(({ id, at }) => [id, at]))
  const sightOn = (id: string): Sight => ({
    others: accounts === 'all' ? 'everything' : (accounts.get(id) ?? 'nothing'),
    own: null,
  })
  const inText = marker(wantedBy([question ?? []], stems), stems)
  const inSubject = marker(wantedBy([question ?? [], subject ?? []], stems), stems)
  return (await messagesBy(db)(ids, sightOn)).map((message) => {
    const { language = null, beginning = '' } = textOf.get(message.id) ?? {}
    return {
      ...message,
      at: atOf.get(message.id) ?? message.receivedAt,
      subjectMarks: [...inSubject(message.subject ?? '', language)],
      extract: message.visibility === 'everything' ? extractOf(beginning, inText(beginning, language)) : null,
    }
  })
}
