import { randomUUID } from 'node:crypto'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import type { NewEvent } from '../src/commands/ports/event-log.ts'
import { inTurn, rate, type Row } from './measure.ts'

/** An event of about 600 bytes, like that of a synced message. */
export const sampleEvent = (index: number): NewEvent => ({
  id: randomUUID(),
  type: 'MessageFlagsChanged',
  data: { index, words: 'Following up on our conversation about the renewal of the contract. '.repeat(4) },
  metadata: {
    actor: { kind: 'system', id: 'bench' },
    commandId: randomUUID(),
    correlationId: randomUUID(),
    causationId: null,
    occurredAt: '2026-01-31T12:00:00.000Z',
    schemaVersion: 1,
  },
})

export const EVENTS = 4000

/** `callers` at a time, each waiting for its own append before the next. */
export const spread = async (callers: number, work: (index: number) => Promise<unknown>): Promise<void> => {
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < EVENTS) await work(next++)
    }),
  )
}

const appendAlone = 'select * from es.append($1, $2, $3, $4, $5, $6, $7)'

/** The same database function, with one call and one transaction per append. */
export const append32: Row = {
  name: 'append-32',
  what: 'append one event each, 32 callers, durable',
  ceilingWhat: 'one transaction per append under the same lock',
  unit: 'events/s',
  reach: 4,
  run: async (bench) => {
    const pool = createPool({ ...(await bench.database()), max: 34 })
    await migrate(pool)
    const store = postgresEventStore(pool)
    const measured = await inTurn(
      bench.rounds,
      () =>
        rate(EVENTS, () =>
          spread(32, (index) =>
            store.append({
              stream: `message-${randomUUID()}`,
              expected: 'no_stream',
              events: [sampleEvent(index)],
            }),
          ),
        ),
      () =>
        rate(EVENTS, () =>
          spread(32, (index) => {
            const { id, type, data, metadata } = sampleEvent(index)
            const values = [
              [`message-${randomUUID()}`],
              [-1],
              [1],
              [id],
              [type],
              [JSON.stringify(data)],
              [JSON.stringify(metadata)],
            ]
            return pool.query({ name: 'append-alone', text: appendAlone, values })
          }),
        ),
    )
    await store.close()
    await pool.end()
    return measured
  },
}

export const append256: Row = {
  name: 'append-256',
  what: 'append one event each, 256 callers, durable',
  ceilingWhat: 'a bare INSERT of 512 events per commit',
  unit: 'events/s',
  reach: 0.5,
  run: async (bench) => {
    const pool = createPool({ ...(await bench.database()), max: 10 })
    await migrate(pool)
    const store = postgresEventStore(pool)
    await pool.query(`create table bare (position bigint primary key, stream text, revision bigint, event_id uuid unique,
      recorded_at timestamptz, type text, data json, metadata json, unique (stream, revision))`)
    let position = 0
    const measured = await inTurn(
      bench.rounds,
      () =>
        rate(EVENTS, () =>
          spread(256, (index) =>
            store.append({
              stream: `message-${randomUUID()}`,
              expected: 'no_stream',
              events: [sampleEvent(index)],
            }),
          ),
        ),
      () =>
        rate(EVENTS, async () => {
          for (let done = 0; done < EVENTS; done += 512) {
            const events = Array.from({ length: Math.min(512, EVENTS - done) }, (_, index) =>
              sampleEvent(done + index),
            )
            await pool.query({
              name: 'bare',
              text: `insert into bare select $1 + i, s, 0, e, now(), t, d::json, m::json
                from unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[]) with ordinality as u(s, e, t, d, m, i)`,
              values: [
                position,
                events.map(() => randomUUID()),
                events.map((event) => event.id),
                events.map((event) => event.type),
                events.map((event) => JSON.stringify(event.data)),
                events.map((event) => JSON.stringify(event.metadata)),
              ],
            })
            position += events.length
          }
        }),
    )
    await store.close()
    await pool.end()
    return measured
  },
}
