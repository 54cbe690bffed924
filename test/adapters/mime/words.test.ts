import fc from 'fast-check'
import t from 'tap'
import { stems } from '../../../src/adapters/mime/words/languages.ts'
import { wordsOfMail } from '../../../src/adapters/mime/words/words-of-mail.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { readQuestion } from '../../../src/domain/search/question.ts'
import { queryOf } from '../../../src/domain/search/terms.ts'
import { unitsIn } from '../../../src/domain/search/units.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())

const mailOf = (text: string) => {
  const header = { subject: '', from: [], to: [], cc: [], replyTo: [] }
  return wordsOfMail({ header, bcc: [], text, html: null, attachments: [], contentLanguage: '' })
}

/** The questions that the text does not answer. */
const missing = async (text: string, questions: readonly string[]): Promise<string[]> => {
  const { words } = mailOf(text)
  const queries = questions.map((typed) =>
    queryOf(readQuestion(typed), { where: 'everywhere', stems, loosely: false }),
  )
  const { rows } = await pool.query<{ nth: number }>(
    `select nth::int from unnest($2::text[]) with ordinality as q (query, nth) where not ($1::tsvector @@ query::tsquery)`,
    [words, queries],
  )
  return rows.map(({ nth }) => questions[nth - 1] ?? '')
}

const scripts = fc.constantFrom(
  'größe',
  'Straße',
  "l'été",
  'naïve',
  'İstanbul',
  'ışık',
  'ὈΔΥΣΣΕΎΣ',
  'счёт',
  'йод',
  'العَقْد',
  '١٢٣',
  'שָׁלוֹם',
  '東京都庁',
  'ｶﾞﾀﾛｸﾞ',
  '上海公司的发票',
  'ใบแจ้งหนี้',
  '회의는',
  'हिन्दी',
  'e-mail',
  'a.b@c.example',
  'x_1+y@z',
  '👩‍👩‍👧',
  '🇩🇪',
  'INV-2024/07',
  '½',
  'ﷺ',
  '㏂',
  'ﬁn',
  'ｗｉｄｅ',
  "'",
  '\\',
  ':*',
  '&',
  '<->',
  '\u202eabc',
  'a\u00adb',
  'x'.repeat(300),
)
const anyText = fc
  .array(fc.oneof(scripts, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })), { maxLength: 30 })
  .chain((words) => fc.constantFrom('', ' ', '\n').map((space) => words.join(space)))
  .map((text) => text.replaceAll('\0', '').toWellFormed())

t.test('whatever a mail says, it is found by each of its words, and by each as a phrase', async () => {
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      const written = unitsIn(text).map(({ start, end }) => text.slice(start, end))
      const asked = written.filter((word) => word.toLowerCase() !== 'or')
      // Such a text is no name for an assertion: TAP reads some of them otherwise.
      return (await missing(text, [...asked, ...written.map((word) => `"${word}"`)])).length === 0
    }),
    { numRuns: 150 },
  )
})

t.test('of a text without end PostgreSQL takes as much as it can', async (t) => {
  const texts: [text: string, first: string][] = [
    [Array.from({ length: 60_000 }, (_, nth) => `n${nth.toString(36)}`).join(' '), 'n0'],
    [
      Array.from({ length: 90_000 }, (_, nth) => String.fromCodePoint(0x4e00 + ((nth * 7919) % 20_000))).join(
        '',
      ),
      '一',
    ],
    ['word '.repeat(100_000), 'word'],
  ]
  for (const [text, first] of texts) t.strictSame(await missing(text, [first]), [], first)
})
