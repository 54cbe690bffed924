import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { postgresEventStore } from '../../../../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../src/adapters/postgres/pool.ts'
import { wakeUp } from '../../../../src/adapters/postgres/event-log/wake-up.ts'
import type { EventStore } from '../../../../src/commands/ports/event-log.ts'
import type { Position } from '../../../../src/domain/event.ts'
import {
  anEvent,
  appendAll,
  aStream,
  followUntil,
  idsOf,
  readFrom,
  someEvents,
} from '../../../support/log-events.ts'
import { losingProxy } from '../../../support/losing-proxy.ts'
import { testDatabase } from '../../../support/test-database.ts'

const database = await testDatabase(t)
const pool = createPool(database)
t.teardown(() => pool.end())
await migrate(pool)
const store = postgresEventStore(pool)
t.teardown(() => store.close())

/** A store with its own connections, as in another process. */
const anotherProcess = (test: Test, config: pg.PoolConfig, options = {}): EventStore => {
  const own = createPool({ ...database, max: 4, ...config })
  const other = postgresEventStore(own, options)
  test.teardown(async () => {
    await other.close()
    await own.end()
  })
  return other
}

const kill = async (where: string): Promise<number> => {
  const sql = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and ${where}`
  return (await pool.query(sql)).rowCount ?? 0
}

const eventually = async (condition: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 120_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('It did not happen within 20 seconds')
    await pause(5)
  }
}

const assertDense = async (test: Test): Promise<void> => {
  const { rows } = await pool.query('select count(*), max(position), min(position) from es.events')
  test.equal(rows[0].max, rows[0].count, 'positions are 1 to N without gaps')
  test.equal(rows[0].min, 1)
}

t.test('rollbacks and killed backends leave no gap, and a reader sees everything acknowledged', async (t) => {
  const after = await store.head()
  const writers = [1, 2, 3].map(() => anotherProcess(t, { application_name: 'writer' }))
  const acknowledged: { id: string; stream: string; revision: number; position: Position }[] = []
  let failed = 0
  const written = new AbortController()

  const write = async (handle: EventStore): Promise<void> => {
    for (let round = 0; round < 100; round++) {
      const [stream, events] = [aStream(), someEvents(1 + (round % 3))]
      try {
        const { revision, position } = await handle.append({ stream, expected: 'no_stream', events })
        acknowledged.push({ id: events.at(-1)!.id, stream, revision, position })
      } catch {
        failed++
      }
    }
  }
  const disturb = async (done: AbortSignal): Promise<number> => {
    let killed = 0
    while (!done.aborted) {
      killed += await kill(`application_name = 'writer' and state = 'active' order by random() limit 1`)
      const client = await pool.connect()
      const values = [[aStream()], [-1], [1], [anEvent().id], ['T'], ['{}'], ['{}']]
      await client.query('begin')
      await client.query('select * from es.append($1, $2, $3, $4, $5, $6, $7)', values)
      await client.query('rollback')
      client.release()
      await pause(25)
    }
    return killed
  }

  const disturbing = disturb(written.signal)
  const end = anEvent()
  const following = followUntil(anotherProcess(t, {}), after, (seen) => seen.at(-1)?.id === end.id, {
    limit: 5,
  })
  await Promise.all(Array.from({ length: 24 }, (_, writer) => write(writers[writer % 3]!)))
  written.abort()
  const killed = await disturbing
  t.comment(`${killed} backends killed, ${acknowledged.length} appends acknowledged, ${failed} failed`)
  t.ok(killed > 0)
  await appendAll(store, aStream(), [end])

  const truth = await readFrom(store, after, 1000)
  t.same(idsOf(await following), idsOf(truth), 'no reader missed, repeated or reordered')
  const byId = new Map(truth.map((event) => [event.id, event]))
  t.equal(byId.size, truth.length)
  const lost = acknowledged.filter(({ id, stream, revision, position }) => {
    const kept = byId.get(id)
    return kept?.stream !== stream || kept.revision !== revision || kept.position !== position
  })
  t.same(lost, [], 'what was acknowledged is where it was reported to be')
  await assertDense(t)
})

t.test('an append whose answer is lost is retried, and nothing is written twice', async (t) => {
  const proxy = await losingProxy(t, database)
  const after = await store.head()
  const behind = anotherProcess(t, { host: '127.0.0.1', port: proxy.port, max: 1, ssl: false })
  await appendAll(behind, aStream(), [anEvent()])
  for (let round = 0; round < 5; round++) {
    const stream = aStream()
    proxy.loseNextAnswer()
    const events = someEvents(2)
    t.match(await behind.append({ stream, expected: 'no_stream', events }), { revision: 1, repeated: true })
    t.same(idsOf(await store.readStream(stream)), idsOf(events))
  }
  t.equal((await readFrom(store, after)).length, 11)

  proxy.refuse()
  const stream = aStream()
  await t.rejects(
    behind.append({ stream, expected: 'no_stream', events: someEvents(1) }),
    'not to be reached',
  )
  t.same(await store.readStream(stream), [])
})

t.test('a listener that loses its connection reconnects and misses nothing', async (t) => {
  const losses: Error[] = []
  const onError = (error: Error): void => void losses.push(error)
  const slow = anotherProcess(t, { application_name: 'listening' }, { pollMs: 600_000, onError })
  const after = await store.head()
  const events = someEvents(4)
  const following = followUntil(slow, after, ({ length }) => length === 4)
  const stream = aStream()
  for (const [round, event] of events.entries()) {
    await eventually(
      async () => (await kill(`application_name = 'listening' and query like 'listen %'`)) === 1,
    )
    await store.append({ stream, expected: round === 0 ? 'no_stream' : round - 1, events: [event] })
  }
  t.same(idsOf(await following), idsOf(events))
  t.ok(losses.length > 0)
})

t.test('a notification between looking and waiting is not missed', async (t) => {
  const { notify, count, wait, close } = wakeUp(pool, () => {})
  const before = count()
  await wait(before, { ms: 10_000 })
  const looked = count()
  notify()
  await eventually(async () => count() > looked)
  // One that was missed would be waited for for ever.
  await wait(looked, {})
  t.pass('it is woken')
  await close()
})

t.test('a subscription survives lost connections', async (t) => {
  const after = await store.head()
  const reading = anotherProcess(t, { application_name: 'reading' }, { pollMs: 1 })
  const events = someEvents(60)
  const following = followUntil(reading, after, ({ length }) => length === 60, { limit: 3 })
  const stream = aStream()
  const killReading = () => kill(`application_name = 'reading'`)
  await eventually(async () => (await killReading()) > 0)
  for (const [round, event] of events.entries()) {
    await killReading()
    await store.append({ stream, expected: round === 0 ? 'no_stream' : round - 1, events: [event] })
  }
  t.same(idsOf(await following), idsOf(events))
})
