import t, { type Test } from 'tap'
import { eventStoreDb, type EventStoreDbOptions } from '../../../src/adapters/eventstoredb/event-store.ts'
import { ForeignPosition, RevisionConflict, StoreUnavailable } from '../../../src/commands/ports/event-log.ts'
import type { Position } from '../../../src/domain/event.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { eventStoreDbDouble, type Fault } from '../../../scripts/lib/event-store-db/double.ts'
import {
  anEvent,
  appendAll,
  aStream,
  followUntil,
  idsOf,
  pagesFrom,
  readFrom,
  someEvents,
} from '../../support/log-events.ts'
import { othersInEventStoreDb } from '../../support/other-programs.ts'
import { until } from '../../support/sending-world.ts'

// What @eventstore/db-client 6.2.1 does wrong, and what servers may do: the adapter gets over each of it.

const impatient = { deadlineMs: 150, stallMs: 300, pollMs: 100 }

const world = async (t: Test, options: EventStoreDbOptions = impatient) => {
  const double = await eventStoreDbDouble()
  const store = await eventStoreDb(double.url, options)
  t.teardown(async () => {
    await store.close()
    double.stop()
  })
  return { double, store }
}

const eventually = (condition: () => boolean): Promise<void> => until(condition, 'the condition')

t.test('an append that gets no good answer is asked for again, and written once', async (t) => {
  const faults: Fault[] = ['ends', 'resets', 'stalls', 'writes-and-resets', 'writes-and-stalls']
  for (const fault of faults) {
    const { double, store } = await world(t)
    const stream = aStream()
    const [first, second] = [someEvents(2), someEvents(1)]
    for (const [events, expected] of [
      [first, 'no_stream'],
      [second, 1],
    ] as const) {
      double.fail('append', fault, 2)
      const { repeated } = await store.append({ stream, expected, events })
      t.equal(repeated, false, `${fault}: it was this append that wrote`)
    }
    t.same(idsOf(await store.readStream(stream)), idsOf([...first, ...second]))
    t.equal(double.calls.batchAppend, 0, 'nothing goes over the stream that appends share')
  }
})

t.test('a server that stays away is told as such, and the append may be made again later', async (t) => {
  const { double, store } = await world(t, { ...impatient, patienceMs: 400 })
  const append = { stream: aStream(), expected: 'no_stream', events: someEvents(1) } as const
  double.stop()
  await t.rejects(store.append(append), StoreUnavailable)
  await t.rejects(store.readStream(append.stream), StoreUnavailable)
  await double.start()
  // A busy machine may answer later than the first client waits.
  const patient = await eventStoreDb(double.url)
  t.teardown(() => patient.close())
  t.match(await patient.append(append), { revision: 0, repeated: false })
})

t.test('a connection that breaks fails no append of another client', async (t) => {
  const [one, other] = await Promise.all([world(t), world(t)])
  one.double.fail('append', 'stalls', 1)
  const stream = aStream()
  const onOne = one.store.append({ stream, expected: 'no_stream', events: someEvents(1) })
  const onOther = Array.from({ length: 20 }, () => appendAll(other.store, aStream(), someEvents(1)))
  one.double.stop()
  await one.double.start()
  t.ok((await Promise.all(onOther)).every(({ revision }) => revision === 0))
  t.equal((await onOne).revision, 0)
})

t.test('a subscription that ends, breaks or says nothing more loses no event', async (t) => {
  for (const fault of ['ends', 'resets', 'stalls'] as const) {
    // Without the regular look only a subscription that is made again can wake it.
    const { double, store } = await world(t, { ...impatient, pollMs: fault === 'stalls' ? 50 : 60_000 })
    double.fail('follow', fault, 3)
    const stop = new AbortController()
    const seen: string[] = []
    const following = (async () => {
      for await (const page of store.subscribe({ after: null, limit: 10, signal: stop.signal }))
        seen.push(...idsOf(page.events))
    })()
    await eventually(() => double.calls.follow >= (fault === 'stalls' ? 1 : 4))
    const events = someEvents(7)
    await appendAll(store, aStream(), ...events.map((event) => [event]))
    await eventually(() => seen.length >= 7)
    t.same(seen, idsOf(events), fault)
    stop.abort()
    await following
  }
})

t.test(
  'followers and appends go on where they were when the server was killed and started again',
  async (t) => {
    const { double, store } = await world(t)
    const stream = aStream()
    const events = someEvents(40)
    const following = followUntil(store, null, ({ length }) => length >= 40, { limit: 3 })
    for (const [nth, event] of events.entries()) {
      const append = store.append({ stream, expected: nth === 0 ? 'no_stream' : nth - 1, events: [event] })
      if (nth % 10 === 5) {
        double.stop()
        await double.start()
      }
      await append
    }
    t.same(idsOf(await following), idsOf(events))
  },
)

t.test('a read that ends too early, breaks or stalls is not taken for the end', async (t) => {
  const { double, store } = await world(t)
  const [stream, events] = [aStream(), someEvents(30)]
  await appendAll(store, stream, ...events.map((event) => [event]))
  for (const fault of ['ends', 'resets', 'stalls'] as const) {
    double.fail('read-all', fault)
    const pages = await pagesFrom(store, null, 100)
    t.same(idsOf(pages.flatMap((page) => page.events)), idsOf(events), fault)
    t.same(
      pages.map(({ atHead }) => atHead),
      pages.map((_, nth) => nth === pages.length - 1),
    )
    for (const options of [{}, { after: 3 }, { after: 3, limit: 20 }]) {
      double.fail('read-stream', fault)
      const read = await store.readStream(stream, options)
      const from = (options.after ?? -1) + 1
      t.same(idsOf(read), idsOf(events.slice(from, from + (options.limit ?? 100))), `${fault}, a stream`)
    }
  }
})

t.test('whoever leaves a read or a subscription leaves nothing open on the server', async (t) => {
  const { double, store } = await world(t, { pollMs: 100 })
  const stream = aStream()
  await appendAll(store, stream, ...Array.from({ length: 5 }, () => someEvents(100)))
  const failure = new Error('of the reader')
  const reading = async () => {
    for await (const _ of store.subscribe({ after: null, limit: 10, signal: new AbortController().signal }))
      throw failure
  }
  await t.rejects(reading(), failure, 'what a reader throws is its own')
  await followUntil(store, null, () => true, { limit: 10 })
  await store.readStream(stream, { after: 470 })
  t.equal((await readFrom(store, null)).length, 500, 'and the store goes on')
  await eventually(() => double.openReads() === 1)
  t.pass('the bell alone is left')
  await store.close()
  await eventually(() => double.openReads() === 0)
})

t.test('pages of nothing but events of others are passed, and no more is read than is wanted', async (t) => {
  const { double, store } = await world(t, { pollMs: 100 })
  const [first, last] = [someEvents(1), someEvents(1)]
  await appendAll(store, aStream(), first)
  const others = othersInEventStoreDb(double.url)
  t.teardown(() => others.close())
  // More than one page can scan.
  for (let nth = 0; nth < 1_100; nth++) await others.write()
  await appendAll(store, aStream(), last)
  t.same(idsOf(await readFrom(store, null, 100, { types: ['Noted'] })), idsOf([...first, ...last]))
  const { position } = (await store.newest())!
  t.equal(await store.positionAt('2999-01-01T00:00:00Z'), position)
  const calls = double.calls['read-all']
  const page = await store.readAll({ after: null, limit: 1, filter: { types: ['Noted'] } })
  t.same(idsOf(page.events), idsOf(first))
  t.equal(double.calls['read-all'], calls + 1, 'a page that is full needs no look at the head')
})

t.test('an append asks the server for nothing else, and a repeat only for its stream', async (t) => {
  const { double, store } = await world(t)
  const [stream, events] = [aStream(), someEvents(2)]
  const before = { ...double.calls }
  await store.append({ stream, expected: 'no_stream', events })
  await store.append({ stream, expected: 1, events: someEvents(1) })
  t.same(double.calls, { ...before, append: before.append + 2 })
  t.match(await store.append({ stream, expected: 'no_stream', events }), { revision: 1, repeated: true })
  t.same(double.calls, { ...before, append: before.append + 3, 'read-stream': before['read-stream'] + 1 })
})

t.test('a conflict is one also where the connection string says that it is no error', async (t) => {
  const { double, store } = await world(t)
  const lax = await eventStoreDb(`${double.url}&throwOnAppendFailure=false`, impatient)
  const stream = aStream()
  await appendAll(store, stream, someEvents(3))
  const error = await lax
    .append({ stream, expected: 0, events: someEvents(1) })
    .catch((thrown: unknown) => thrown)
  t.ok(error instanceof RevisionConflict)
  t.match(error, { expected: 0, actual: 2 })
  await lax.close()
})

t.test(
  'a revision that is none, and a position of another log, are refused before they are sent',
  async (t) => {
    const { double, store } = await world(t)
    const calls = double.calls.append
    for (const expected of [-1, 0.5, Number.NaN])
      await t.rejects(store.append({ stream: aStream(), expected, events: [anEvent()] }), TypeError)
    t.equal(double.calls.append, calls)
    const foreign = 'p:00000000000000000001' as Position
    t.notOk(store.isPosition(foreign))
    await t.rejects(store.readAll({ after: foreign, limit: 1 }), ForeignPosition)
  },
)

t.test(
  'a stream that has grown to the revision that was missed is a conflict, to be tried again',
  async (t) => {
    const { double, store } = await world(t)
    const stream = aStream()
    double.fail('read-stream', 'stalls')
    const before = double.calls['read-stream']
    const early = store
      .append({ stream, expected: 1, events: someEvents(1) })
      .catch((error: unknown) => error)
    await eventually(() => double.calls['read-stream'] > before)
    await appendAll(store, stream, someEvents(2))
    t.type(await early, RevisionConflict)
  },
)

t.test('the log gets one identity, whoever comes first, and a new log another', async (t) => {
  const double = await eventStoreDbDouble()
  const stores = await Promise.all(Array.from({ length: 5 }, () => eventStoreDb(double.url, impatient)))
  const ids = new Set(await Promise.all(stores.map((store) => store.storeId())))
  t.equal(ids.size, 1)
  const { store } = await world(t)
  t.notOk(ids.has(await store.storeId()))
  t.same(await readFrom(stores[0]!, null), [], 'it is no event of ours')
  for (const each of stores) await each.close()
  double.stop()
})

t.test('a connection string that cannot be used is refused without showing its password', async (t) => {
  const password = 'correct-horse'
  const strings = {
    'https://localhost:2113': /esdb:\/\//,
    'esdb://': /esdb:\/\//,
    'esdb://localhost:2113': /user and password/,
    [`esdb://admin:${password}@localhost:2113?tls=maybe`]: /./,
    [`esdb://admin:a@${password}@localhost:2113?tls=false`]: /percent-encoded/,
    [`esdb://admin:${password}%@localhost:2113?tls=false`]: /percent-encoded/,
    [`esdb://admin:${password}/x@localhost:2113?tls=false&tlsVerifyCert=false`]: /percent-encoded/,
    [`esdb://admin/x:${password}@localhost:2113?tls=false&tlsVerifyCert=false`]: /percent-encoded/,
    [`esdb://admin:a@localhost:2113/x@${password}?tls=false&tlsVerifyCert=false`]: /percent-encoded/,
    [`esdb://admin:${password}@127.0.0.1:1?tls=false`]: /./,
  }
  for (const [text, message] of Object.entries(strings)) {
    const error = await eventStoreDb(text, { ...impatient, patienceMs: 100 }).catch(
      (thrown: unknown) => thrown,
    )
    t.ok(error instanceof Error)
    t.match((error as Error).message, message)
    t.notMatch(`${(error as Error).stack} ${JSON.stringify(error)}`, password)
  }
})

t.test('over TLS an authority of our own is trusted if it is given, and no other', async (t) => {
  const { ca, good } = await testTls()
  const double = await eventStoreDbDouble({ tls: good })
  t.teardown(() => double.stop())
  const options = { ...impatient, patienceMs: 100 }
  await t.rejects(eventStoreDb(double.url, options), StoreUnavailable)
  const store = await eventStoreDb(double.url, { ...options, extraCa: [ca] })
  t.teardown(() => store.close())
  const stream = aStream()
  t.match(await store.append({ stream, expected: 'no_stream', events: someEvents(1) }), { revision: 0 })
})

t.test('over TLS a server named by its address is refused at once, with what to do', async (t) => {
  for (const hosts of ['127.0.0.1:2113', 'events.test:2113,10.0.0.1:2113', '[::1]:2113', '[::1]'])
    await t.rejects(eventStoreDb(`esdb://admin:changeit@${hosts}`), {
      name: 'TypeError',
      message: /must be given by host name/,
    })
})

t.test('a server that is coming up is waited for', async (t) => {
  const double = await eventStoreDbDouble()
  t.teardown(() => double.stop())
  double.stop()
  const faults: Error[] = []
  const opened = eventStoreDb(double.url, {
    ...impatient,
    patienceMs: 1,
    startPatienceMs: 60_000,
    onError: (error) => faults.push(error),
  })
  await eventually(() => faults.length > 1)
  await double.start()
  const store = await opened
  await store.close()
})
