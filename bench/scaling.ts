import { randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { rebuildReadModels } from '../src/adapters/postgres/projections/rebuild/rebuild.ts'
import type { EventStore } from '../src/commands/ports/event-log.ts'
import { listMessages } from '../src/projections/sync/find-messages.ts'
import { messages } from '../src/projections/sync/messages.ts'
import { idOf } from '../test/support/example-emails.ts'
import { sampleEvent, spread, EVENTS } from './append.ts'
import { connectAccounts, lifeOf } from './lives.ts'
import { inTurn, median, rate, type Bench, type Measured, type Row } from './measure.ts'

const SMALL = 100_000
const LARGE = Number(process.env['MAILTRAIL_BENCH_EVENTS'] ?? 5_000_000)
const STRETCH = 100_000
/** Its id, number, uid and day appear nowhere else in its life. */
const MODEL = 7_653_600

type Log = { readonly pool: pg.Pool; readonly store: EventStore; readonly events: number }

/** Lives of emails like this one, written directly into the tables of the log: appends would take most of an hour. */
const fill = async (pool: pg.Pool, events: number): Promise<void> => {
  const life = lifeOf(MODEL)
  const day = new Date(Date.UTC(2026, 0, 1) + MODEL * 20_000).toISOString().slice(0, 10)
  const streams = [...new Set(life.map(({ stream }) => stream))]
  const revisions = new Map<string, number>()
  const model = life.map(({ type, data, stream }, nth) => {
    const revision = (revisions.get(stream) ?? -1) + 1
    revisions.set(stream, revision)
    return { nth, type, stream, revision, first: life.findIndex((each) => each.stream === stream), data }
  })
  const { metadata } = sampleEvent(0)
  await pool.query(`create table life (nth int, type text, stream text, revision int, first int, data text)`)
  await pool.query(
    `insert into life select * from json_to_recordset($1) as l(nth int, type text, stream text, revision int, first int, data text)`,
    [JSON.stringify(model.map((event) => ({ ...event, data: JSON.stringify(event.data) })))],
  )
  await pool.query(`
    create function nth_of(text, n bigint) returns text language sql immutable as $$
      select replace(replace(replace(replace(replace($1,
        '${idOf('out', MODEL).slice(4)}', lpad(n::text, 26, '0')), '${idOf('msg', MODEL).slice(4)}', lpad(n::text, 26, '0')),
        '${MODEL}', n::text), '${1 + MODEL / 100}', n::text), '${day}', to_char(date '2026-01-01' + (n / 500)::int, 'YYYY-MM-DD'))
    $$`)
  await pool.query('alter table es.events drop constraint events_event_id_key')
  await pool.query('alter table es.events drop constraint events_stream_id_revision_key')
  const start = (await pool.query<{ head: number }>('select max(position) as head from es.events')).rows[0]!
    .head
  const lives = Math.floor(events / life.length)
  for (let from = 0; from < lives; from += 50_000) {
    const to = Math.min(from + 50_000, lives)
    const values = [start, life.length, from, to - 1, JSON.stringify(metadata)]
    await pool.query(
      `insert into es.events
       select $1::bigint + n * $2 + l.nth + 1, $1::bigint + n * $2 + l.first + 1, l.revision, gen_random_uuid(),
         timestamptz '2026-01-01' + n * interval '20 seconds', l.type, nth_of(l.data, n)::json, $5::json
       from generate_series($3::bigint, $4::bigint) as n cross join life as l order by n, l.nth`,
      values,
    )
    await pool.query(
      `insert into es.streams (stream_id, name, revision)
       select $1::bigint + n * $2 + min(l.nth) + 1, nth_of(l.stream, n), max(l.revision)
       from generate_series($3::bigint, $4::bigint) as n cross join life as l group by n, l.stream`,
      values.slice(0, 4),
    )
  }
  await pool.query('alter table es.events add constraint events_event_id_key unique (event_id)')
  await pool.query(
    'alter table es.events add constraint events_stream_id_revision_key unique (stream_id, revision)',
  )
  await pool.query('vacuum analyze')
  if (streams.length < 2) throw new Error('A life spans several streams')
}

let made: Promise<{ readonly small: Log; readonly large: Log }> | null = null

/** Both logs, created once for all of these rows. */
const logs = (bench: Bench) =>
  (made ??= (async () => {
    const [small, large] = [await logOf(bench, SMALL), await logOf(bench, LARGE)]
    return { small, large }
  })())

const logOf = async (bench: Bench, events: number): Promise<Log> => {
  const pool = createPool({ ...(await bench.database()), max: 40, allowExitOnIdle: true })
  await migrate(pool)
  const store = postgresEventStore(pool)
  await connectAccounts(store)
  await fill(pool, events)
  return { pool, store, events }
}

const rows = (name: string, what: string, run: Row['run']): Row => ({
  name: `scaling-${name}`,
  what: `${what} with ${LARGE.toLocaleString('en')} events in the log`,
  ceilingWhat: `the same with ${SMALL.toLocaleString('en')}`,
  unit: name === 'query' ? 'pages/s' : 'events/s',
  // Within 1.2 times.
  reach: 0.83,
  onlyByName: true,
  run,
})

const onBoth = async (bench: Bench, measure: (log: Log) => Promise<number>): Promise<Measured> => {
  const { small, large } = await logs(bench)
  return inTurn(
    bench.rounds,
    () => measure(large),
    () => measure(small),
  )
}

const scalingAppend = rows('append', 'append one event each, 32 callers,', (bench) =>
  onBoth(bench, ({ store }) =>
    rate(EVENTS, () =>
      spread(32, (index) =>
        store.append({
          stream: `message-${randomUUID()}`,
          expected: 'no_stream',
          events: [{ ...sampleEvent(index), type: 'Measured' }],
        }),
      ),
    ),
  ),
)

const scalingRead = rows('read', 'read 50,000 events from the middle', (bench) =>
  onBoth(bench, async ({ store, events }) => {
    const { position } = await store.readAll({ after: null, limit: 1 })
    const number = Number(position.slice(2)) + Math.floor(events / 2)
    let after = `p:${String(number).padStart(20, '0')}` as typeof position
    return rate(50_000, async () => {
      for (let page = 0; page < 50; page++)
        ({ position: after } = await store.readAll({ after, limit: 1_000 }))
    })
  }),
)

/** One rebuild of a read model: its speed at the end of the log, compared with the start. */
const scalingProjection = rows(
  'projection',
  'a read model taking in the last 100,000 events',
  async (bench) => {
    const { small, large } = await logs(bench)
    const rates = async ({ store, pool }: Log): Promise<number[]> => {
      const marks: { amount: number; at: number }[] = [{ amount: 0, at: performance.now() }]
      const [rebuilt] = await rebuildReadModels(
        {
          store,
          pool,
          onProgress: ({ stage, amount }) => {
            if (stage === 'reading' && amount > marks.at(-1)!.amount)
              marks.push({ amount, at: performance.now() })
          },
        },
        [messages],
      )
      if (rebuilt?.stopped) throw rebuilt.stopped
      const end = marks.at(-1)!
      const rateOf = (from: number, to: number) => {
        const within = marks.filter(({ amount }) => amount >= from && amount <= to)
        const [first, last] = [within[0]!, within.at(-1)!]
        return ((last.amount - first.amount) * 1000) / (last.at - first.at)
      }
      return [rateOf(0, STRETCH), rateOf(end.amount - STRETCH, end.amount)]
    }
    await rates(small)
    const [first, last] = await rates(large)
    return { ours: [last!], ceiling: [first!] }
  },
)

const scalingQuery = rows('query', 'the first page of messages of an account', (bench) =>
  onBoth(bench, async ({ pool }) => {
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    const accountId = idOf('acc', 1)
    const list = listMessages(db, {
      visibilityOf: async () => 'everything',
      mayRead: async () => true,
      sendOnlyAccounts: async () => [],
    })
    const times: number[] = []
    for (let run = 0; run < 100; run++) {
      const started = performance.now()
      const page = await list({ accountId, userId: null }, { descending: true, after: null, limit: 50 })
      if (page.length < 50) throw new Error('Rebuild first: run scaling-projection before scaling-query')
      times.push(performance.now() - started)
    }
    return 1000 / median(times)
  }),
)

/** In this order: the third fills what the fourth queries. */
export const scaling: readonly Row[] = [scalingAppend, scalingRead, scalingProjection, scalingQuery]
