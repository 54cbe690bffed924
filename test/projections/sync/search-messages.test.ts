import fc from 'fast-check'
import { Kysely, PostgresDialect, sql, type RawBuilder } from 'kysely'
import t from 'tap'
import { stems } from '../../../src/adapters/mime/words/languages.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { prepareReadModels } from '../../../src/adapters/postgres/projections/state/prepare.ts'
import { readQuestion } from '../../../src/domain/search/question.ts'
import { queryOf } from '../../../src/domain/search/terms.ts'
import { schemaOf } from '../../../src/projections/projection.ts'
import { messages } from '../../../src/projections/sync/messages.ts'
import { searchMessages } from '../../../src/projections/sync/search-messages.ts'
import { testDatabase } from '../../support/test-database.ts'

const MESSAGES = 8000
const schema = schemaOf(messages)
const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
await migrate(pool)
await prepareReadModels(pool, [messages])

// Many at the last instant, then eight at a time over half a year; words that many, some and few have, or only old mail.
await pool.query(`
  create table made as select n, 'msg_' || lpad(n::text, 26, '0') as id, 'acc_' || n % 3 as account_id,
    timestamptz '2026-01-31T12:00:00Z' - greatest(n / 8 - 150, 0) * interval '5 hours' as at,
    case when n % 300 < 4 then 'Rare' else 'INBOX' end as folder, n % 50 = 1 as unread,
    case when n % 10 = 9 then 'out' else 'in' end as direction, n % 17 > 0 as listed
  from generate_series(0, ${MESSAGES - 1}) as n;
  insert into mailtrail.message_text select id, account_id, at, null, '',
    (concat_ws(' ', case when n % 2 = 0 then 'common:1' end, case when n % 20 = 3 then 'some:2' end,
      case when n % 200 in (7, 101) then 'rare:3' end, case when n > 6000 and n % 2 = 1 then 'early:4' end,
      case n % 3 when 0 then 'red:5 house:6' when 1 then 'house:5 red:6' end))::tsvector
      || array_to_tsvector(array['account:' || account_id, 'day:' || to_char(at, 'YYYY-MM-DD'), 'month:' || to_char(at, 'YYYY-MM')])
  from made;
  insert into ${schema}.message (id, account_id, exchanged, listed, shown_by_hand, direction, received_at, header, snippet,
    size, has_html, attachments, defects, raw, places, unread, of_user)
  select id, account_id, true, listed, false, direction, at, '{"subject": "", "from": [], "to": []}', '', 1, false, '[]',
    '[]', '', jsonb_build_array(jsonb_build_object('folder', folder, 'role', lower(folder), 'flags', '[]'::jsonb),
      jsonb_build_object('folder', 'Copies', 'role', lower(folder), 'flags', '[]'::jsonb)), unread,
    case when n % 5 = 0 then 'u1' end
  from made;
  insert into ${schema}.folder select distinct account_id, name, lower(folder)
    from made cross join lateral (values (folder), (folder || ' copies')) as of(name);
  insert into ${schema}.located select account_id, name, id, at
    from made cross join lateral (values (folder), (folder || ' copies')) as of(name);
  analyze`)

const asked = fc.record({
  q: fc.constantFrom(
    'common',
    'some',
    'rare',
    'early',
    'absent',
    'common some',
    'rare or early',
    'common -some',
    '"red house"',
    'common -"red house"',
    '"house red" -rare',
    'rare "red house"',
    'red-house',
  ),
  folder: fc.constantFrom(undefined, undefined, 'Rare', 'rare', 'inbox'),
  unread: fc.constantFrom(undefined, undefined, true, false),
  direction: fc.constantFrom(undefined, undefined, 'out' as const),
  every: fc.constantFrom(null, null, 7, 400, 1500),
  ownIn: fc.constantFrom(null, null, { accounts: ['acc_0', 'acc_1'], userId: 'u1' }),
  account: fc.constantFrom(undefined, undefined, 'acc_1'),
  from: fc.constantFrom(undefined, '2025-11-20T00:00:00Z', '2026-01-31T12:00:00Z'),
  to: fc.constantFrom(undefined, '2026-01-31T11:59:59Z', '2025-12-24T00:00:00Z'),
  limit: fc.constantFrom(1, 7, 51, 200),
})
type Asked = typeof asked extends fc.Arbitrary<infer Value> ? Value : never

const linkedOf = ({ every }: Asked): RawBuilder<unknown>[] =>
  every === null ? [] : [sql`select id from made where n % ${every} = 1`]

const search = async (
  of: Asked,
  after: readonly [string, string] | null,
): Promise<(readonly [string, string])[]> => {
  const { q, account, limit, folder, unread, direction, ownIn, from, to } = of
  const found = await searchMessages(db, { stems })(
    {
      accounts: account === undefined ? 'all' : new Map([[account, 'everything']]),
      question: readQuestion(q),
      subject: null,
      sender: null,
      recipient: null,
      linked: linkedOf(of),
      hasAttachment: undefined,
      automatic: undefined,
      folder,
      unread,
      direction,
      ownIn,
      from,
      to,
    },
    { after, limit },
  )
  if (found === 'too-broad') throw new Error('Too broad')
  return found.map(({ at, id }) => [at, id])
}

const all = async (of: Asked): Promise<(readonly [string, string])[]> => {
  const { q, account, folder, unread, direction, every, ownIn, from, to } = of
  const query = queryOf(readQuestion(q), { where: 'everywhere', stems, loosely: false })
  const { rows } = await sql<{ at: string; id: string }>`
    select at, id from made join mailtrail.message_text t on t.message_id = id
    where listed and t.words @@ ${query}::tsquery
      and ${account === undefined ? sql`true` : sql`made.account_id = ${account}`}
      and ${folder === undefined ? sql`true` : sql`lower(folder) = lower(${folder})`}
      and ${unread === undefined ? sql`true` : sql`unread = ${unread}`}
      and ${direction === undefined ? sql`true` : sql`direction = ${direction}`}
      and ${every === null ? sql`true` : sql`n % ${every} = 1`}
      and ${ownIn === null ? sql`true` : sql`(n % 5 = 0 or made.account_id <> all(${ownIn.accounts}))`}
      and at between ${from ?? '-infinity'}::timestamptz and ${to ?? 'infinity'}::timestamptz
    order by at desc, id collate "C" desc`.execute(db)
  return rows.map(({ at, id }) => [at, id])
}

t.test('whichever way a search goes, its pages are what looking at each message finds', async (t) => {
  await fc.assert(
    fc.asyncProperty(asked, async (of) => {
      const expected = await all(of)
      let after: readonly [string, string] | null = null
      for (let from = 0; from < 3 * of.limit; from += of.limit) {
        const page: (readonly [string, string])[] = await search(of, after)
        t.strictSame(page, expected.slice(from, from + of.limit), JSON.stringify({ of, after }))
        after = page.at(-1) ?? null
        if (page.length < of.limit) break
      }
    }),
    { numRuns: 150 },
  )
})
