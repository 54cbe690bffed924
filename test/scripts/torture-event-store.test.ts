import t from 'tap'
import { chanceOf } from '../../scripts/torture/chance.ts'
import { openEventStore } from '../../scripts/torture/event-store.ts'
import { eventStoreDb } from '../../src/adapters/eventstoredb/event-store.ts'
import { StoreUnavailable } from '../../src/commands/ports/event-log.ts'
import { eventStoreDbDouble } from '../../scripts/lib/event-store-db/double.ts'
import { aStream, idsOf, readFrom, someEvents } from '../support/log-events.ts'

const strike = { eventStoreUrl: null, eventStoreStrikes: 1 }

t.test('of a double that is killed, paused and cut off, what was acknowledged is there, once', async (t) => {
  const struck = (await openEventStore(t.testdir(), strike, chanceOf('a')))!
  t.teardown(() => struck.end())
  const errors: Error[] = []
  const store = await eventStoreDb(struck.url, {
    patienceMs: 120_000,
    onError: (error) => errors.push(error),
  })
  const acknowledged: string[] = []
  for (const kind of struck.strikes) {
    const noticed = errors.length
    const over = new AbortController()
    const striking = struck.strike(kind).finally(() => over.abort())
    const stream = aStream()
    let expected: 'no_stream' | number = 'no_stream'
    while (!over.signal.aborted) {
      const events = someEvents(1)
      const { revision, repeated } = await store.append({ stream, expected, events })
      t.equal(repeated, false)
      acknowledged.push(...idsOf(events))
      expected = revision
    }
    await striking
    if (kind !== 'pause') t.ok(errors.length > noticed, `${kind} was noticed`)
  }
  t.ok(errors.every((error) => error instanceof StoreUnavailable))
  t.same(idsOf(await readFrom(store, null)), acknowledged)
  await store.close()
})

t.test('of one that is given only the line is struck', async (t) => {
  const double = await eventStoreDbDouble()
  t.teardown(() => double.stop())
  const given = (await openEventStore(t.testdir(), { ...strike, eventStoreUrl: double.url }, chanceOf('a')))!
  t.teardown(() => given.end())
  t.same(given.strikes, ['cut'])
  const store = await eventStoreDb(given.url)
  t.teardown(() => store.close())
  const append = { stream: aStream(), expected: 'no_stream', events: someEvents(1) } as const
  const cutting = given.strike('cut')
  t.match(await store.append(append), { revision: 0, repeated: false })
  await cutting
  t.match(await store.append(append), { revision: 0, repeated: true })
})
