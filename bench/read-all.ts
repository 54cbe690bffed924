import { randomUUID } from 'node:crypto'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import type { Position } from '../src/domain/event.ts'
import { sampleEvent } from './append.ts'
import { inTurn, rate, type Row } from './measure.ts'

const STREAMS = 2000
const EVENTS = 10 * STREAMS
const PAGE = 1000

export const readAll: Row = {
  name: 'read-all',
  what: 'read the whole log, decoded',
  ceilingWhat: 'a bare cursor over the same rows, with JSON.parse',
  unit: 'events/s',
  reach: 0.8,
  run: async (bench) => {
    const pool = createPool(await bench.database())
    await migrate(pool)
    const store = postgresEventStore(pool)
    await Promise.all(
      Array.from({ length: STREAMS }, () =>
        store.append({
          stream: `message-${randomUUID()}`,
          expected: 'no_stream',
          events: Array.from({ length: 10 }, (_, index) => sampleEvent(index)),
        }),
      ),
    )
    const ours = async () => {
      let after: Position | null = null
      let seen = 0
      for (;;) {
        const page = await store.readAll({ after, limit: PAGE })
        seen += page.events.length
        after = page.position
        if (page.atHead) break
      }
      if (seen !== EVENTS) throw new Error(`Read ${seen} of ${EVENTS} events`)
    }
    const ceiling = async () => {
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
    const measured = await inTurn(
      bench.rounds,
      () => rate(EVENTS, ours),
      () => rate(EVENTS, ceiling),
    )
    await store.close()
    await pool.end()
    return measured
  },
}
