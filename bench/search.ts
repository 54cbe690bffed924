import type pg from 'pg'
import { messages } from '../src/projections/sync/messages.ts'
import { schemaOf } from '../src/projections/projection.ts'
import type { Row } from './measure.ts'
import { benchService } from './service.ts'

const MESSAGES = 1_000_000
const WORDS = 60
const VOCABULARY = 50_000
const ACCOUNTS = 20
const ASKED = 40
const LIMIT = 50

/** Words are asked for by how common they are: word 1 is in most messages, word 40000 in a few hundred. */
type Kind = {
  readonly name: string
  readonly asked: (nth: number) => Record<string, string>
  /** What the best statement by hand looks for, and whether it goes through the messages from the latest one. */
  readonly words: (nth: number) => string
  readonly walks?: true
}

const rare = (nth: number): string => `w${30_000 + nth * 97}`
const kinds: readonly Kind[] = [
  { name: 'rare word', asked: (nth) => ({ q: rare(nth) }), words: (nth) => `'${rare(nth)}'` },
  { name: 'common word', asked: () => ({ q: 'w1' }), words: () => `'w1'`, walks: true },
  {
    name: 'word of one in a hundred',
    asked: (nth) => ({ q: `w${900 + nth}` }),
    words: (nth) => `'w${900 + nth}'`,
    walks: true,
  },
  {
    name: 'two words',
    asked: (nth) => ({ q: `w${50 + nth} w${2000 + nth}` }),
    words: (nth) => `'w${50 + nth}' & 'w${2000 + nth}'`,
  },
  {
    name: 'person',
    asked: (nth) => ({ from: `p${nth * 311}@client.test`, q: 'w1' }),
    words: (nth) => `'from:p${nth * 311}@client.test' & 'w1'`,
  },
  {
    name: 'folder',
    asked: (nth) => ({ q: `w${400 + nth}`, folder: 'Archive' }),
    words: (nth) => `'w${400 + nth}'`,
    walks: true,
  },
  {
    name: 'unread',
    asked: (nth) => ({ q: `w${400 + nth}`, unread: 'true' }),
    words: (nth) => `'w${400 + nth}'`,
    walks: true,
  },
  {
    name: 'one account',
    asked: (nth) => ({ q: `w${5 + nth}`, account: accountOf(nth % ACCOUNTS) }),
    words: (nth) => `'w${5 + nth}' & 'account:${accountOf(nth % ACCOUNTS)}'`,
    walks: true,
  },
  { name: 'nothing', asked: (nth) => ({ q: `absent${nth}` }), words: (nth) => `'absent${nth}'` },
]

const accountOf = (nth: number): string => `acc_${String(nth).padStart(26, '0')}`

/** Messages over two years, their words as unevenly spread as those of a language. */
const seed = async (pool: pg.Pool): Promise<void> => {
  const client = await pool.connect()
  const schema = schemaOf(messages)
  try {
    await client.query(
      `set maintenance_work_mem = '1GB'; set work_mem = '256MB'; set synchronous_commit = off`,
    )
    await client.query('drop index mailtrail.message_text_words')
    const part = 50_000
    for (let from = 0; from < MESSAGES; from += part) {
      await client.query(
        `insert into mailtrail.message_text (message_id, account_id, received_at, language, beginning, words)
         select 'msg_' || lpad(n::text, 26, '0'), a.id, a.at, 'en', b.body,
           setweight(to_tsvector('simple', 'subject of ' || n), 'B') || to_tsvector('simple', b.body) ||
             array_to_tsvector(array['account:' || a.id, 'day:' || to_char(a.at at time zone 'UTC', 'YYYY-MM-DD'),
               'month:' || to_char(a.at at time zone 'UTC', 'YYYY-MM'), 'from:p' || n % 20000 || '@client.test'])
         from generate_series($1::int, $2::int) n
         cross join lateral (select 'acc_' || lpad((n % ${ACCOUNTS})::text, 26, '0') as id,
           '2026-11-01T00:00:00Z'::timestamptz - n * interval '63 seconds' as at) a
         cross join lateral (
           select string_agg('w' || (1 + floor(${VOCABULARY} * power(random(), 5)))::int, ' ') as body
           from generate_series(1, ${WORDS} + 0 * n)) b`,
        [from, from + part - 1],
      )
      process.stderr.write(`\r  ${from + part} messages`)
    }
    await client.query(
      `insert into ${schema}.message (id, account_id, listed, direction, received_at, sent_at, header, snippet, size,
         has_html, attachments, automatic, defects, quarantined, raw, places)
       select message_id, account_id, true, 'in', received_at, null,
         jsonb_build_object('messageId', message_id, 'inReplyTo', '[]'::jsonb, 'references', '[]'::jsonb, 'subject',
           'subject', 'from', '[{"address":"p@client.test"}]'::jsonb, 'to', '[]'::jsonb, 'cc', '[]'::jsonb, 'replyTo',
           '[]'::jsonb),
         left(beginning, 200), 5000, false, '[]', null, '[]', null, repeat('0', 64),
         jsonb_build_array(jsonb_build_object('folder',
           case when right(message_id, 1) = '7' then 'Archive' else 'INBOX' end, 'role', null, 'ref', '1', 'flags',
           case when right(message_id, 1) = '3' then '[]'::jsonb else '["seen"]'::jsonb end))
       from mailtrail.message_text`,
    )
    process.stderr.write('\r  sorting in the words    ')
    await client.query(`create index message_text_words on mailtrail.message_text using gin (words)
      with (gin_pending_list_limit = 512)`)
    await client.query(`vacuum analyze mailtrail.message_text`)
    await client.query(`vacuum analyze ${schema}.message`)
    process.stderr.write('\r')
  } finally {
    client.release(true)
  }
}

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? 0

/** Milliseconds of each, one after the other. */
const timesOf = async (count: number, work: (nth: number) => Promise<unknown>): Promise<number[]> => {
  const times: number[] = []
  for (let nth = 0; nth < count; nth++) {
    const started = performance.now()
    await work(nth)
    times.push(performance.now() - started)
  }
  return times
}

export const search: Row = {
  name: 'search',
  what: `a search among ${MESSAGES} messages over HTTP, one in twenty slower`,
  ceilingWhat: 'the statement that suits each search, written by hand',
  unit: 'searches/s',
  reach: 0.2,
  onlyByName: true,
  run: async (bench) => {
    const service = await benchService(bench, { MAILTRAIL_REQUESTS_PER_MINUTE: '1000000' })
    await service.start()
    await seed(service.pool)
    const ask = (asked: Record<string, string>) =>
      service.client.get<{ data: unknown[] }>(`/v1/search?${new URLSearchParams(asked).toString()}`)
    const byHand = async (words: string, walks: boolean) => {
      const client = await service.pool.connect()
      try {
        await client.query(`begin; set local enable_bitmapscan = ${walks ? 'off' : 'on'}`)
        await client.query(
          `select m.* from (select message_id, received_at from mailtrail.message_text where words @@ $1::tsquery
             order by received_at desc limit ${LIMIT}) t join ${schemaOf(messages)}.message m on m.id = t.message_id
           order by t.received_at desc`,
          [words],
        )
        await client.query('commit')
      } finally {
        client.release()
      }
    }
    const [ours, ceiling] = [[] as number[], [] as number[]]
    for (let round = 0; round <= bench.rounds; round++) {
      const all = { ours: [] as number[], ceiling: [] as number[] }
      for (const { name, asked, words, walks = false } of kinds) {
        const mine = await timesOf(ASKED, (nth) => ask(asked(nth)))
        all.ours.push(...mine)
        all.ceiling.push(...(await timesOf(ASKED, (nth) => byHand(words(nth), walks))))
        if (round === bench.rounds)
          process.stderr.write(
            `  ${name}: p50 ${percentile(mine, 0.5).toFixed(1)} ms, p95 ${percentile(mine, 0.95).toFixed(1)} ms\n`,
          )
      }
      if (round === 0) continue
      ours.push(1000 / percentile(all.ours, 0.95))
      ceiling.push(1000 / percentile(all.ceiling, 0.95))
    }
    await service.stop()
    return { ours, ceiling }
  },
}
