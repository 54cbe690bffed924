import type { Test } from 'tap'
import { DuplicateEvent, RevisionConflict, type EventStore } from '../../src/commands/ports/event-log.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import {
  anEvent,
  appendAll,
  aStream,
  followUntil,
  idsOf,
  readFrom,
  someEvents,
} from '../support/log-events.ts'
import type { Beyond } from './event-store.ts'

/** Part of the event store contract: following the log, also during concurrent writes. */
export const subscriptionContract = (t: Test, store: EventStore, other: EventStore, beyond: Beyond): void => {
  t.test('a subscription returns existing events, then new ones, and ends on abort', async (t) => {
    const after = await store.head()
    const [stream, there, live] = [aStream(), someEvents(5), someEvents(5)]
    await appendAll(store, stream, there)
    const stop = new AbortController()
    const seen: RecordedEvent[] = []
    let writing: Promise<unknown> | undefined
    for await (const page of other.subscribe({ after, limit: 2, signal: stop.signal })) {
      seen.push(...page.events)
      if (page.atHead) writing ??= store.append({ stream, expected: 4, events: live })
      if (seen.length === 10) setImmediate(() => stop.abort())
    }
    await writing
    t.same(idsOf(seen), idsOf([...there, ...live]))
  })

  t.test(
    'a subscription that starts at the head says so at once, and wakes for the next event',
    async (t) => {
      const { position } = await appendAll(store, aStream(), someEvents(1))
      const stop = new AbortController()
      const feed = other.subscribe({ after: position, limit: 2, signal: stop.signal })
      const pages = feed[Symbol.asyncIterator]()
      t.same(await pages.next(), { done: false, value: { events: [], position, atHead: true } })
      const next = pages.next()
      const appended = await appendAll(store, aStream(), someEvents(1))
      t.match(await next, { done: false, value: { position: appended.position, atHead: true } })
      const waiting = pages.next()
      stop.abort()
      t.match(await waiting, { done: true })
    },
  )

  t.test('a subscription aborted before it begins returns nothing', async (t) => {
    await appendAll(store, aStream(), someEvents(1))
    t.same(await Array.fromAsync(store.subscribe({ after: null, limit: 2, signal: AbortSignal.abort() })), [])
  })

  t.test('a subscription may be left at any page', async (t) => {
    const after = await store.head()
    const [stream, events] = [aStream(), someEvents(9)]
    await appendAll(store, stream, events)
    const seen = await followUntil(store, after, ({ length }) => length >= 4, { limit: 2 })
    t.same(idsOf(seen), idsOf(events.slice(0, 4)))
  })

  t.test('a filtered subscription advances past events that do not match', async (t) => {
    const after = await store.head()
    const signal = AbortSignal.timeout(120_000)
    const feed = other.subscribe({ after, limit: 2, filter: { types: ['Wanted'] }, signal })
    const pages = feed[Symbol.asyncIterator]()
    await pages.next()
    const unwanted = await appendAll(store, aStream(), someEvents(6))
    t.match(await pages.next(), { value: { events: [], position: unwanted.position } })
    const wanted = anEvent({}, 'Wanted')
    await appendAll(store, aStream(), [anEvent(), wanted])
    const page = await pages.next()
    t.same(idsOf((page.value as { events: RecordedEvent[] }).events), [wanted.id])
    await pages.return?.()
  })

  t.test('a reader among many writers misses nothing and sees nothing twice', async (t) => {
    const after = await store.head()
    const acknowledged = new Set<string>()
    const shared = [aStream(), aStream()]
    let refused = 0
    let writing = true

    const write = async (handle: EventStore, writer: number): Promise<void> => {
      const own = aStream()
      let repeat = someEvents(1)
      for (let round = 0; round < 12; round++) {
        const events = someEvents(1 + ((writer + round) % 3))
        const last = (await handle.readStream(own)).at(-1)?.revision
        await handle.append({ stream: own, expected: last ?? 'no_stream', events })
        for (const { id } of events) acknowledged.add(id)
        // Conflicts and duplicates, which must leave no trace.
        const race = {
          stream: shared[round % 2]!,
          expected: round >> 1 ? (round >> 1) - 1 : 'no_stream',
          events: repeat,
        } as const
        try {
          await handle.append(race)
          for (const { id } of race.events) acknowledged.add(id)
          await handle.append(race)
          if (round % 3 > 0 || !beyond.uniqueIds) repeat = someEvents(1)
        } catch (error) {
          if (!(error instanceof RevisionConflict || error instanceof DuplicateEvent)) throw error
          refused++
        }
      }
    }

    const poll = async (limit: number): Promise<RecordedEvent[]> => {
      const seen: RecordedEvent[] = []
      let position = after
      for (let last = false; !last;) {
        last = !writing
        const page = await other.readAll({ after: position, limit })
        seen.push(...page.events)
        position = page.position
        if (!page.atHead) last = false
      }
      return seen
    }

    const readers = Promise.all([poll(3), poll(100)])
    const followers = [store, other].map((handle) =>
      followUntil(handle, after, ({ length }) => !writing && length >= acknowledged.size, { limit: 7 }),
    )
    await Promise.all(Array.from({ length: 24 }, (_, writer) => write(writer % 2 ? store : other, writer)))
    writing = false
    // Wakes the followers again, so that they can stop.
    const end = anEvent({}, 'End')
    acknowledged.add(end.id)
    await appendAll(store, aStream(), [end])

    const truth = await readFrom(store, after, 1000)
    t.ok(refused > 0)
    t.same(idsOf(truth).toSorted(), [...acknowledged].toSorted(), 'all acknowledged events, and nothing else')
    t.ok(truth.every(({ position }, nth) => nth === 0 || truth[nth - 1]!.position < position))
    const revisions = Map.groupBy(truth, ({ stream }) => stream)
    for (const events of revisions.values()) t.ok(events.every(({ revision }, nth) => revision === nth))
    for (const seen of await Promise.all(followers)) t.same(idsOf(seen), idsOf(truth))
    for (const seen of await readers) t.same(idsOf(seen), idsOf(truth.slice(0, seen.length)))
    t.ok((await readers).every(({ length }) => length >= truth.length - 1))
  })
}
