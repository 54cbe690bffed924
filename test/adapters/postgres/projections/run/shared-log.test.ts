import assert from 'node:assert/strict'
import { setImmediate as soon } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { memoryEventStore } from '../../../../support/memory-event-store.ts'
import { sharedLog, type SharedLog } from '../../../../../src/adapters/postgres/projections/run/shared-log.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import type { Position } from '../../../../../src/domain/event.ts'
import { anEvent, aStream, appendAll, idsOf, readFrom } from '../../../../support/log-events.ts'
import { runs } from '../../../../support/long-runs.ts'

const TYPES = ['A', 'B', 'C']

const grow = async (store: EventStore, types: readonly string[]): Promise<void> => {
  for (const type of types) await appendAll(store, aStream(), [anEvent({}, type)])
}

/** Reads until it has passed `to()`; pauses and stops as configured, and continues from where it was. */
const readOn = async (
  log: SharedLog,
  start: Position | null,
  types: ReadonlySet<string>,
  to: () => Promise<Position>,
  habits: { pauses: number; stopsAfter: number },
): Promise<string[]> => {
  const ids: string[] = []
  let place = start
  for (let rounds = 0; rounds < 1_000; rounds++) {
    const stop = new AbortController()
    let pages = 0
    for await (const page of log.subscribe({ after: place, types, signal: stop.signal })) {
      assert.ok(place === null || page.position >= place, 'it never goes back')
      ids.push(...idsOf(page.events))
      place = page.position
      for (let nth = 0; nth < habits.pauses; nth++) await soon()
      if (place >= (await to())) return ids
      if (++pages >= habits.stopsAfter) break
    }
    stop.abort()
  }
  throw new Error('It does not get to the end')
}

t.test('each of many readers gets what it would read alone, whatever the others do', async (t) => {
  const anyReader = fc.record({
    start: fc.nat(30),
    types: fc.subarray(TYPES, { minLength: 1 }),
    pauses: fc.nat(6),
    stopsAfter: fc.integer({ min: 1, max: 12 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...TYPES, 'Other'), { minLength: 30, maxLength: 80 }),
      fc.array(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 20 }),
      fc.array(anyReader, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      async (before, later, readers, pageSize) => {
        const store = memoryEventStore()
        await grow(store, before)
        const all = await readFrom(store, null)
        const log = sharedLog(store, TYPES, pageSize)
        let grown = false
        const end = async () => (grown ? (await store.head())! : ('m:~' as Position))
        const reading = readers.map(({ start, types, ...habits }) =>
          readOn(log, all[start - 1]?.position ?? null, new Set(types), end, habits),
        )
        for (const type of later) {
          await grow(store, [type])
          await soon()
        }
        grown = true
        await grow(store, ['A'])
        const read = await Promise.all(reading)
        for (const [index, { start, types }] of readers.entries()) {
          const after = all[start - 1]?.position ?? null
          const alone = await readFrom(store, after, 100, { types })
          assert.deepEqual(read[index], idsOf(alone))
        }
      },
    ),
    { numRuns: runs(60, 150) },
  )
  t.pass()
})

t.test('readers side by side share one reading of the log, and the last one ends it', async (t) => {
  const store = memoryEventStore()
  await grow(
    store,
    Array.from({ length: 2_000 }, (_, nth) => TYPES[nth % 3]!),
  )
  let given = 0
  let open = 0
  const counting: EventStore = {
    ...store,
    readAll: async (options) => {
      const page = await store.readAll(options)
      given += page.events.length
      return page
    },
    subscribe: async function* (options) {
      open++
      try {
        for await (const page of store.subscribe(options)) {
          given += page.events.length
          yield page
        }
      } finally {
        open--
      }
    },
  }
  const log = sharedLog(counting, TYPES, 50)
  const end = async () => (await store.head())!
  const read = await Promise.all(
    Array.from({ length: 10 }, (_, nth) =>
      readOn(log, null, new Set(TYPES), end, { pauses: nth, stopsAfter: Infinity }),
    ),
  )
  t.ok(read.every((ids) => ids.length === 2_000))
  t.ok(given < 2_500, `${given} events were read for 20,000`)
  await soon()
  t.equal(open, 0, 'the subscription ends with its last reader')
})

t.test('while page follows page more is gathered, unless somebody waits for it', async (t) => {
  const store = memoryEventStore()
  const log = sharedLog(store, TYPES, 10, { least: 100, most: 2 ** 30 })
  const stop = new AbortController()
  const pages = log.subscribe({ after: null, types: new Set(TYPES), signal: stop.signal })
  const next = async () => idsOf((await pages.next()).value?.events ?? [])
  t.same(await next(), [])
  for (let nth = 0; nth < 2; nth++) {
    await grow(store, ['A'])
    t.equal((await next()).length, 1)
  }
  await grow(store, ['A'])
  const gathered = next()
  await grow(store, ['B', 'C'])
  log.hurry()
  t.equal((await gathered).length, 3, 'without hurry it would take weeks')
  stop.abort()
  await pages.return(undefined)
})

t.test('a reader that hangs delays the others only briefly', async (t) => {
  const store = memoryEventStore()
  await grow(
    store,
    Array.from({ length: 100 }, () => 'A'),
  )
  const log = sharedLog(store, TYPES, 10)
  const stop = new AbortController()
  const hanging = log.subscribe({ after: null, types: new Set(TYPES), signal: stop.signal })
  const first = await hanging.next()
  const end = async () => (await store.head())!
  const ids = await readOn(log, null, new Set(TYPES), end, { pauses: 0, stopsAfter: Infinity })
  t.equal(ids.length, 100)
  const rest: string[] = first.done ? [] : idsOf(first.value.events)
  while (rest.length < 100) {
    const next = await hanging.next()
    if (next.done) break
    rest.push(...idsOf(next.value.events))
  }
  t.same(rest, ids, 'and it misses nothing itself')
  stop.abort()
  await hanging.return(undefined)
})

t.test('an error of the log reaches every reader, and a new reading starts fresh', async (t) => {
  const store = memoryEventStore()
  await grow(store, ['A', 'B'])
  let broken = true
  const failing: EventStore = {
    ...store,
    subscribe: async function* (options) {
      if (broken) throw new Error('no log')
      yield* store.subscribe(options)
    },
  }
  const log = sharedLog(failing, TYPES, 10)
  const end = async () => (await store.head())!
  const habits = { pauses: 0, stopsAfter: Infinity }
  const read = () => readOn(log, null, new Set(TYPES), end, habits)
  const results = await Promise.allSettled([read(), read()])
  t.ok(results.every(({ status }) => status === 'rejected'))
  broken = false
  t.equal((await read()).length, 2)
})
