import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import {
  AppendTooLarge,
  DuplicateEvent,
  MAX_APPEND_BYTES,
  RevisionConflict,
  type Append,
  type Appended,
  type EventStore,
  type ExpectedRevision,
} from '../../src/commands/ports/event-log.ts'
import { anEvent, appendAll, aStream, idsOf, readFrom, someEvents } from '../support/log-events.ts'
import type { OtherPrograms } from '../support/other-programs.ts'
import { modelContract } from './event-store-model.ts'
import { othersContract } from './event-store-others.ts'
import { readingContract } from './event-store-reading.ts'
import { subscriptionContract } from './event-store-subscriptions.ts'

/** In what stores differ. */
export type Beyond = {
  /** Mailtrail does not rely on it: an event id that is anywhere in the log is refused, not only at the place of the append. */
  readonly uniqueIds: boolean
  /** Writes as other programs and the server do, to a store that is not ours alone. */
  readonly others?: () => OtherPrograms
}

/**
 * What every event store guarantees: an adapter must pass all of it. `open` returns a new handle on the same log, as
 * another process would have; the log may contain other events, and other streams may be appended to meanwhile.
 */
export const eventStoreContract = (
  t: Test,
  name: string,
  open: () => Promise<EventStore>,
  beyond: Beyond = { uniqueIds: true },
): void => {
  t.test(`the event store contract, for ${name}`, async (t) => {
    const stores: [EventStore, EventStore] = [await open(), await open()]
    appendContract(t, ...stores, beyond)
    readingContract(t, ...stores)
    subscriptionContract(t, ...stores, beyond)
    modelContract(t, stores[0], beyond)
    if (beyond.others) othersContract(t, ...stores, beyond.others)
    t.test('a closed store refuses appends and ends its subscriptions', async (t) => {
      const [store, other] = stores
      const after = await store.head()
      const pages = store.subscribe({ after, limit: 10, signal: new AbortController().signal })
      const following = Array.fromAsync(pages)
      const underWay = store.append({ stream: aStream(), expected: 'no_stream', events: [anEvent()] })
      await store.close()
      await following
      t.equal((await underWay).revision, 0, 'an append under way is finished')
      await t.rejects(store.append({ stream: aStream(), expected: 'no_stream', events: [anEvent()] }))
      await other.close()
    })
  })
}

const outcomeOf = (append: Promise<Appended>): Promise<string> =>
  append.then(
    ({ revision, repeated }) => `${repeated ? 'repeated' : 'appended'} ${revision}`,
    (error: unknown) => (error instanceof RevisionConflict ? `conflict ${error.actual}` : String(error)),
  )

const appendContract = (t: Test, store: EventStore, other: EventStore, beyond: Beyond): void => {
  t.test('an append is read back as it was written, in its stream and in the log', async (t) => {
    const after = await store.head()
    const stream = aStream()
    const written = anEvent({ a: 1, b: [null, true, 'ü'] }, 'First')
    const actor = { kind: 'user', id: 'u1', via: { apiKey: 'k1', bound: false } } as const
    const events = [{ ...written, metadata: { ...written.metadata, actor } }, anEvent({}, 'Second')]
    const appended = await store.append({ stream, expected: 'no_stream', events })
    t.match(appended, { revision: 1, repeated: false })
    const [first, second] = await other.readStream(stream)
    t.match(first, {
      ...events[0],
      stream,
      revision: 0,
      recordedAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    })
    t.match(second, { ...events[1], stream, revision: 1, position: appended.position })
    t.same(await readFrom(other, after), [first, second])
    t.ok(first!.position < second!.position)
    const names = ['data', 'id', 'metadata', 'position', 'recordedAt', 'revision', 'stream', 'type']
    t.same(Object.keys(first!).toSorted(), names)
  })

  t.test(
    'an append at any revision but the stream’s own writes nothing and reports the stream’s revision',
    async (t) => {
      const there = aStream()
      await appendAll(store, there, someEvents(3))
      const cases: [string, ExpectedRevision, number][] = [
        [there, 'no_stream', 2],
        [there, 1, 2],
        [there, 3, 2],
        [aStream(), 0, -1],
        [aStream(), 7, -1],
      ]
      const after = await store.head()
      for (const [stream, expected, actual] of cases) {
        const error = await store
          .append({ stream, expected, events: [anEvent()] })
          .catch((thrown: unknown) => thrown)
        t.ok(error instanceof RevisionConflict)
        t.match(error, { stream, expected, actual })
      }
      t.same(await readFrom(store, after), [])
      t.match(await store.append({ stream: there, expected: 2, events: someEvents(2) }), { revision: 4 })
    },
  )

  t.test('of many writers at one revision exactly one wins', async (t) => {
    const stream = aStream()
    for (const expected of ['no_stream', 0, 1] as const) {
      const outcomes = await Promise.all(
        Array.from({ length: 24 }, (_, writer) =>
          outcomeOf((writer % 2 ? store : other).append({ stream, expected, events: [anEvent()] })),
        ),
      )
      const won = expected === 'no_stream' ? 0 : expected + 1
      t.same(outcomes.toSorted(), [`appended ${won}`, ...outcomes.slice(1).fill(`conflict ${won}`)])
    }
    t.equal((await store.readStream(stream)).length, 3)
  })

  t.test('repeating an append is reported as repeated, however late, and writes nothing', async (t) => {
    const stream = aStream()
    const [first, second] = [someEvents(2), someEvents(3)]
    const appended = await store.append({ stream, expected: 'no_stream', events: first })
    const later = await store.append({ stream, expected: 1, events: second })
    const after = await store.head()
    for (const handle of [store, other]) {
      const again = await handle.append({ stream, expected: 'no_stream', events: first })
      t.same(again, { ...appended, repeated: true })
      t.same(await handle.append({ stream, expected: 1, events: second }), { ...later, repeated: true })
    }
    t.same(await readFrom(store, after), [])
  })

  t.test('of one append made many times at once exactly one writes', async (t) => {
    const [stream, events] = [aStream(), someEvents(2)]
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, writer) =>
        outcomeOf((writer % 2 ? store : other).append({ stream, expected: 'no_stream', events })),
      ),
    )
    const told = outcomes.toSorted()
    t.same(told, ['appended 1', ...outcomes.slice(1).fill('repeated 1')])
    t.same(idsOf(await store.readStream(stream)), idsOf(events))
  })

  t.test('ids that exist, but not as this append, are duplicates', async (t) => {
    const stream = aStream()
    const [a, b, c] = [anEvent(), anEvent(), anEvent()]
    await store.append({ stream, expected: 'no_stream', events: [a, b] })
    const after = await store.head()
    const elsewhere: Record<string, Append> = {
      'in another stream': { stream: aStream(), expected: 'no_stream', events: [a, b] },
      'at another revision': { stream, expected: 1, events: [a, b] },
    }
    const cases: Record<string, Append> = {
      ...(beyond.uniqueIds && elsewhere),
      'with new ones behind': { stream, expected: 'no_stream', events: [a, b, c] },
      'with new ones before': { stream, expected: 0, events: [c, b] },
      'in another order': { stream, expected: 'no_stream', events: [b, a] },
      'twice in one append': { stream: aStream(), expected: 'no_stream', events: [c, c] },
    }
    for (const [name, append] of Object.entries(cases)) {
      const error = await other.append(append).catch((thrown: unknown) => thrown)
      t.ok(error instanceof DuplicateEvent, name)
      t.match(error, { stream: append.stream })
    }
    t.same(await readFrom(store, after), [])
  })

  t.test('an append up to the limit is accepted, and one byte more is refused completely', async (t) => {
    const stream = aStream()
    const overhead = JSON.stringify(anEvent('').data).length + JSON.stringify(anEvent('').metadata).length
    const largest = anEvent('x'.repeat(MAX_APPEND_BYTES - overhead - 1_000))
    await store.append({ stream, expected: 'no_stream', events: [largest] })
    const tooMuch = { stream, expected: 0, events: [anEvent('ü'.repeat(MAX_APPEND_BYTES / 2))] }
    const error = await store.append(tooMuch).catch((thrown: unknown) => thrown)
    t.ok(error instanceof AppendTooLarge)
    t.match(error, { stream })
    t.equal((await other.readStream(stream)).length, 1)
  })

  t.test('an append without events is refused', async (t) => {
    await t.rejects(store.append({ stream: aStream(), expected: 'no_stream', events: [] }), TypeError)
  })

  t.test('concurrent appends each have their own outcome', async (t) => {
    const [taken, known] = [aStream(), anEvent()]
    await appendAll(store, taken, [known])
    const shared = anEvent()
    const streams = Array.from({ length: 6 }, () => aStream())
    const outcomes = await Promise.all(
      [
        { stream: streams[0]!, expected: 'no_stream', events: someEvents(1) },
        { stream: taken, expected: 'no_stream', events: someEvents(1) },
        { stream: streams[1]!, expected: 'no_stream', events: [known] },
        { stream: streams[2]!, expected: 'no_stream', events: [] },
        { stream: streams[3]!, expected: 'no_stream', events: [anEvent(), shared] },
        { stream: streams[4]!, expected: 'no_stream', events: [shared] },
        { stream: streams[5]!, expected: 'no_stream', events: someEvents(3) },
      ].map((append) => outcomeOf(store.append({ ...append, expected: 'no_stream' }))),
    )
    const [first, conflict, duplicate, empty, ...rest] = outcomes
    const [one, two, last] = rest
    t.same([first, conflict, last], ['appended 0', 'conflict 0', 'appended 2'])
    t.match(empty, /^TypeError/)
    if (!beyond.uniqueIds) return
    t.match(duplicate, /^DuplicateEvent/)
    t.same(
      [one, two].filter((outcome) => outcome?.startsWith('appended')).length,
      1,
      'one has the shared event',
    )
    t.same(
      [one, two].filter((outcome) => outcome?.startsWith('DuplicateEvent')).length,
      1,
      'the other has not',
    )
  })

  t.test('the log keeps its identity', async (t) => {
    const id = await store.storeId()
    t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
    t.equal(await other.storeId(), id)
    t.not(id, randomUUID())
  })
}
