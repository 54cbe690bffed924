import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { postgresLeases } from '../src/adapters/postgres/leases.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../src/adapters/postgres/projections/run/runner.ts'
import { projections } from '../src/app/read-models.ts'
import type { EventStore } from '../src/commands/ports/event-log.ts'
import { engagement } from '../src/projections/analytics/engagement.ts'
import { schemaOf } from '../src/projections/projection.ts'
import { outbox } from '../src/projections/sending/outbox.ts'
import { messages } from '../src/projections/sync/messages.ts'
import { threads } from '../src/projections/sync/threads.ts'
import { connectAccounts, fill, live } from './lives.ts'
import { rate, type Row } from './measure.ts'
import { temporaryFolder } from './service.ts'

const EVENTS = Number(process.env['MAILTRAIL_BENCH_EVENTS'] ?? 100_000)
const EVENTS_OF_A_LIFE = 8
const PAGE = 1_000
/** What runs beside a rebuild: this many emails with all their events a second, and as many list queries. */
const LIVES_A_SECOND = 2

type Rebuild = { readonly perSecond: number; readonly megabytes: number }

/** The command as an operator runs it, in a process of its own, which reports its speed and memory. */
const rebuildAll = async (database: pg.PoolConfig, folder: string): Promise<Rebuild> => {
  const { host = '', port = 5432, user = '', database: name = '' } = database
  const url = `postgres://${user}@localhost:${port}/${name}?host=${encodeURIComponent(host)}`
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'rebuild', '--all'], {
    env: { ...process.env, DATABASE_URL: url, MAILTRAIL_DATA: folder, MAILTRAIL_BENCH_EVENTS: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (data) => (said += String(data)))
  const [code] = (await once(child, 'close')) as [number | null]
  const [, perSecond, megabytes] = /([\d,]+) a second; peak memory ([\d,]+) MB/.exec(said) ?? []
  if (code !== 0 || !perSecond || !megabytes) throw new Error(`The rebuild ended with ${code}`)
  const numberOf = (text: string) => Number(text.replaceAll(',', ''))
  return { perSecond: numberOf(perSecond), megabytes: numberOf(megabytes) }
}

const LISTS = [
  `select * from ${schemaOf(outbox)}.email limit 50`,
  `select * from ${schemaOf(messages)}.message order by received_at desc, id desc limit 50`,
  `select * from ${schemaOf(threads)}.thread where merged_into is null order by last_at desc, id desc limit 50`,
  `select * from ${schemaOf(engagement)}.counted limit 50`,
]

/** The load of a live service, until the returned function is called, which throws what went wrong meanwhile. */
const loadOf = (store: EventStore, pool: pg.Pool, lives: number): (() => Promise<string>) => {
  const wrong: unknown[] = []
  const stop = new AbortController()
  const log = { info: () => {}, error: (fields: object) => void wrong.push(fields) }
  const runner = projectionRunner({
    store,
    pool,
    leases: postgresLeases(pool, { owner: 'bench' }),
    projections,
    log,
  })
  const told = { lists: 0, lives: 0, slowestMs: 0 }
  const keepOn = async (work: (n: number) => Promise<void>) => {
    for (let n = 1; !stop.signal.aborted; n++) {
      await work(n).catch((error: unknown) => wrong.push(error))
      await pause(1_000 / LIVES_A_SECOND)
    }
  }
  const running = Promise.all([
    runner.start(stop.signal),
    keepOn(async (n) => {
      await live(store, lives + n)
      told.lives++
    }),
    keepOn(async (n) => {
      const started = performance.now()
      const { rowCount } = await pool.query(LISTS[n % LISTS.length]!)
      told.slowestMs = Math.max(told.slowestMs, performance.now() - started)
      told.lists++
      if (!rowCount) wrong.push(`empty: ${LISTS[n % LISTS.length]}`)
    }),
  ])
  return async () => {
    stop.abort()
    await running
    if (wrong.length > 0) throw new Error(`${wrong.length} faults beside the rebuild`, { cause: wrong[0] })
    return `${told.lives * EVENTS_OF_A_LIFE} events appended and ${told.lists} lists answered meanwhile, the slowest in ${told.slowestMs.toFixed(0)} ms`
  }
}

const readRaw = async (pool: pg.Pool): Promise<void> => {
  const client = await pool.connect()
  await client.query(`begin; declare log cursor for select e.position::text, s.name, e.revision::text, e.event_id,
    e.recorded_at::text, e.type, e.data::text, e.metadata::text from es.events e join es.streams s using (stream_id) order by e.position`)
  for (;;) {
    const { rows } = await client.query<{ data: string; metadata: string }>(`fetch ${PAGE} from log`)
    if (rows.length === 0) break
    for (const row of rows) {
      JSON.parse(row.data)
      JSON.parse(row.metadata)
    }
  }
  await client.query('commit')
  client.release()
}

export const rebuildRow: Row = {
  name: 'rebuild',
  what: `all read models rebuilt from ${EVENTS.toLocaleString('en-US')} events, while a runner, appends and lists continue`,
  ceilingWhat: 'a bare cursor over the log, with JSON.parse',
  unit: 'events/s',
  reach: 0.04,
  run: async (bench) => {
    const database = await bench.database()
    const pool = createPool({ ...database, max: 20 })
    const folder = temporaryFolder()
    await migrate(pool)
    const store = postgresEventStore(pool)
    const lives = Math.ceil(EVENTS / EVENTS_OF_A_LIFE)
    await connectAccounts(store)
    // Read models of the beginning of the log, and checkpoints at its end: the runner only has to keep up.
    const first = Math.ceil(Math.min(lives / 10, 300))
    await fill(store, 1, first)
    await rebuildAll(database, folder.path)
    await fill(store, first, lives + 1)
    await pool.query('vacuum analyze es.events, es.streams')
    await pool.query('update mailtrail.checkpoints set position = $1', [await store.head()])
    const measured = { ours: [] as number[], ceiling: [] as number[] }
    for (let round = 0; round < (EVENTS > 200_000 ? 1 : 2); round++) {
      const endLoad = loadOf(store, pool, lives + (round + 1) * 1_000_000)
      const { perSecond, megabytes } = await rebuildAll(database, folder.path)
      process.stderr.write(`  ${perSecond} events/s, ${megabytes} MB at most; ${await endLoad()}\n`)
      measured.ours.push(perSecond)
      measured.ceiling.push(await rate(lives * EVENTS_OF_A_LIFE, () => readRaw(pool)))
    }
    await store.close()
    await pool.end()
    folder.remove()
    return measured
  },
}
