import type pg from 'pg'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { postgresLeases } from '../src/adapters/postgres/leases.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { foldPage } from '../src/adapters/postgres/projections/fold/page.ts'
import { projectionRunner } from '../src/adapters/postgres/projections/run/runner.ts'
import { createTables, readModelTables } from '../src/adapters/postgres/projections/fold/tables.ts'
import { transaction } from '../src/std/transaction.ts'
import { projections } from '../src/app/read-models.ts'
import type { EventStore } from '../src/commands/ports/event-log.ts'
import type { DomainEvent } from '../src/domain/event.ts'
import { schemaOf } from '../src/projections/projection.ts'
import { sentEmail } from '../test/support/sent-email.ts'
import { connected, messageIdOf, synced } from '../test/support/example-sync-events.ts'
import { append } from './lives.ts'
import { inTurn, rate, type Row } from './measure.ts'

const MESSAGES = 1500
/** The naive way is slow: it gets a part from the middle of the log, of the same mixture. */
const NAIVE_EVENTS = 300
const PAGE = 500

/** The life of the nth email: written, sent, opened twice, clicked, answered by a mail that is synced. */
const lifeOf = (n: number): (DomainEvent & { stream: string })[] => {
  const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + n * 60_000 + minutes * 60_000).toISOString()
  const email = sentEmail(n)
  const headerId = email.queued.data as { header: { messageId: string } }
  const answer = synced(n, {
    header: { messageId: `answer-${n}@example.test`, references: [headerId.header.messageId] },
    receivedAt: at(30),
  })
  const own = [
    email.queued,
    email.released(at(1)),
    email.sent(at(1)),
    email.open(at(10)),
    email.open(at(20), { ip: '198.51.100.9' }),
    email.click(at(21)),
    email.delivered(at(61)),
  ]
  return [
    ...own.map(({ type, data, envelope }) => ({ type, data, stream: envelope.stream ?? '' })),
    { ...answer, stream: `message-${messageIdOf(n)}` },
  ]
}

const fill = async (store: EventStore): Promise<number> => {
  const account = connected()
  await append(store, `account-${account.data.accountId}`, [account])
  let events = 1
  for (let n = 1; n <= MESSAGES; n++) {
    const streams = [...Map.groupBy(lifeOf(n), ({ stream }) => stream)]
    // In the order in which they happened; only the events of one email at a time.
    for (const [stream, of] of streams) {
      await append(store, stream, of)
      events += of.length
    }
  }
  return events
}

const forget = async (pool: pg.Pool): Promise<void> => {
  await pool.query('delete from mailtrail.checkpoints')
  for (const projection of projections)
    await pool.query(`drop schema if exists ${schemaOf(projection)} cascade`)
}

const catchUp = async (store: EventStore, pool: pg.Pool): Promise<void> => {
  const leases = postgresLeases(pool, { owner: 'bench' })
  const runner = projectionRunner({
    store,
    pool,
    leases,
    projections,
    log: { info: () => {}, error: console.error },
  })
  const stop = new AbortController()
  const running = runner.start(stop.signal)
  const head = await store.head()
  await Promise.all(projections.map(({ name }) => runner.waitFor(name, head ?? '', stop.signal)))
  stop.abort()
  await running
}

/** The same folds, each event alone: one statement for each event and table it touches, a commit per page. */
const naive = async (store: EventStore, pool: pg.Pool, total: number): Promise<number> => {
  const half = await store.readAll({ after: null, limit: Math.floor(total / 2) })
  const { events } = await store.readAll({ after: half.position, limit: NAIVE_EVENTS })
  const tables = projections.map((projection) => {
    const schema = `naive_${projection.name.replaceAll('-', '_')}`
    return { projection, schema, tables: readModelTables(schema, projection.tables, false) }
  })
  for (const { projection, schema } of tables)
    await transaction(pool, 'begin', async (client) => {
      await client.query(`drop schema if exists ${schema} cascade`)
      await createTables(client, schema, projection.tables)
    })
  // Earlier rows are missing: a fold that needs one is skipped, in favour of the naive way.
  return rate(events.length, async () => {
    for (let from = 0; from < events.length; from += PAGE)
      for (const { projection, tables: of } of tables) {
        const types = new Set(projection.events.map(({ type }) => type))
        await transaction(pool, 'begin; set local synchronous_commit = off', async (client) => {
          for (const event of events.slice(from, from + PAGE).filter(({ type }) => types.has(type))) {
            const folded = await foldPage(
              { tables: of.cells, fold: projection.fold },
              [event],
              (table, keys) => of.load(client, table, keys),
            )
            for (const changes of folded.changes) await of.write(client, changes)
          }
        })
      }
  })
}

export const projectionsRow: Row = {
  name: 'projections',
  what: 'all read models catching up together, from an empty database',
  ceilingWhat: 'the same folds with one statement for each event and table',
  unit: 'events/s',
  reach: 10,
  run: async (bench) => {
    const pool = createPool({ ...(await bench.database()), max: 12 })
    await migrate(pool)
    const store = postgresEventStore(pool)
    const total = await fill(store)
    const measured = await inTurn(
      Math.min(bench.rounds, 3),
      async () => {
        await forget(pool)
        return rate(total, () => catchUp(store, pool))
      },
      () => naive(store, pool, total),
    )
    await store.close()
    await pool.end()
    return measured
  },
}
