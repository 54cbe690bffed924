import { randomUUID } from 'node:crypto'
import t from 'tap'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { postgresWebhookDeliveries } from '../../../src/adapters/postgres/webhook-deliveries.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const deliveries = postgresWebhookDeliveries(pool)
const now = new Date('2026-11-28T10:00:00.000Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)

/** An endpoint with deliveries of these streams, in this order. */
const endpointWith = async (...streams: string[]) => {
  const endpointId = `whk_${randomUUID()}`
  const added = streams.map((stream, n) => ({
    eventId: randomUUID(),
    type: 'TemplateChanged',
    stream,
    revision: streams.slice(0, n).filter((each) => each === stream).length,
    position: String(n + 1).padStart(20, '0'),
    previousPosition: n === 0 ? null : String(n).padStart(20, '0'),
  }))
  const to = { generation: 0, position: added.at(-1)!.position, last: added.at(-1)!.position }
  await deliveries.add(endpointId, { from: null, to }, added, now)
  return {
    endpointId,
    head: to.position,
    to,
    added,
    due: async (at: Date, except: string[] = []) =>
      (await deliveries.due(endpointId, at, except, 10)).map(
        ({ stream, revision }) => `${stream} ${revision}`,
      ),
    hasWork: async (at: Date, head = to.position, generation = 0) =>
      (await deliveries.withWork([{ endpointId, generation }], head, at)).length === 1,
  }
}

t.test('of each stream the first is due, and the rest wait for it', async (t) => {
  const { endpointId, due, hasWork } = await endpointWith('a', 'a', 'b')
  t.same(await due(now), ['a 0', 'b 0'])
  t.same(await due(now, ['b']), ['a 0'])
  const [first, second] = await deliveries.due(endpointId, now, [], 10)
  const failed = { at: now, status: 'waiting', nextAt: later(5), answer: 500, problem: 'answer-500' } as const
  const done = { at: now, status: 'delivered', nextAt: null, answer: 204, problem: null } as const
  await deliveries.attempted(second!, done)
  await deliveries.attempted(first!, failed)
  t.same(await due(now), [], 'what follows a failed one does not overtake it')
  t.notOk(await hasWork(now), 'nor is there anything to do until it is due')
  t.ok(await hasWork(later(5)))
  await deliveries.attempted(first!, done)
  t.same(await due(now), ['a 1'])
})

t.test('there is work where the log goes on, or is read anew', async (t) => {
  const { endpointId, hasWork } = await endpointWith('a')
  const [only] = await deliveries.due(endpointId, now, [], 10)
  await deliveries.attempted(only!, {
    at: now,
    status: 'delivered',
    nextAt: null,
    answer: 204,
    problem: null,
  })
  t.notOk(await hasWork(now))
  t.ok(await hasWork(now, String(2).padStart(20, '0')))
  t.ok(await hasWork(now, undefined, 1))
})

t.test('two processes that read the log on for one endpoint add everything once', async (t) => {
  const { endpointId, to, added } = await endpointWith('a', 'b')
  const next = { ...added[0]!, eventId: randomUUID(), position: '3'.padStart(20, '0') }
  const move = { from: to, to: { ...to, position: next.position, last: next.position } }
  await Promise.all([1, 2].map(() => deliveries.add(endpointId, move, [next], now)))
  t.equal(await deliveries.countWaiting(endpointId), 3)
  await deliveries.add(
    endpointId,
    move,
    [{ ...next, eventId: randomUUID(), position: '4'.padStart(20, '0') }],
    now,
  )
  t.equal(await deliveries.countWaiting(endpointId), 3, 'the cursor is no longer where it was')
})

t.test('what ended long ago and what was for a deleted endpoint is swept', async (t) => {
  const [kept, deleted] = [await endpointWith('a', 'b'), await endpointWith('a')]
  const [first] = await deliveries.due(kept.endpointId, now, [], 10)
  await deliveries.attempted(first!, {
    at: now,
    status: 'delivered',
    nextAt: null,
    answer: 204,
    problem: null,
  })
  await deliveries.sweep([deleted.endpointId], later(-1))
  t.ok(await deliveries.find(kept.endpointId, first!.eventId), 'not yet')
  t.equal(await deliveries.cursor(deleted.endpointId), null)
  t.equal(await deliveries.countWaiting(deleted.endpointId), 0)
  await deliveries.sweep([], later(1))
  t.equal(await deliveries.find(kept.endpointId, first!.eventId), null)
  t.equal(await deliveries.countWaiting(kept.endpointId), 1, 'what waits is never swept')
})
