import fc from 'fast-check'
import t from 'tap'
import { z } from 'zod'
import { memoryEventStore } from '../support/memory-event-store.ts'
import { handler, loader, newCommandId, newEvent, type Caller } from '../../src/commands/handle.ts'
import { RevisionConflict, type EventStore, type NewEvent } from '../../src/commands/ports/event-log.ts'
import { withUpcasts } from '../../src/commands/with-upcasts.ts'
import { catalogue } from '../../src/domain/catalogue.ts'
import { entry } from '../../src/domain/directory/entry.ts'
import { DealRemoved } from '../../src/domain/directory/events.ts'
import {
  defineEvent,
  type DomainEvent,
  type EventDefinition,
  type RecordedEvent,
} from '../../src/domain/event.ts'
import { UnknownShape, upcaster } from '../../src/domain/upcast.ts'
import { eventStoreContract } from '../contracts/event-store.ts'
import { anEvent, aStream, followUntil, pagesFrom, readFrom } from '../support/log-events.ts'

// A kind with a past: a price became whole cents, then letters became parcels for several people.
type Priced = { readonly to: string; readonly price: number }
type InCents = { readonly to: string; readonly cents: number }
const inCents = ({ to, price }: Priced): InCents => ({ to, cents: Math.round(price * 100) })
const toSeveral = ({ to, cents }: InCents) => ({ recipients: [to], cents, currency: 'EUR' })
const parcel = z.object({ recipients: z.array(z.string()), cents: z.int(), currency: z.string() })
const ParcelPosted = defineEvent('ParcelPosted', parcel, [
  { type: 'LetterPosted', upcast: inCents },
  { type: 'LetterPosted', upcast: toSeveral },
])
const Noted = defineEvent('Noted', z.object({ note: z.string() }))
const kinds = [ParcelPosted, Noted]

const inVersion = (schemaVersion: number, type: string, data: unknown): NewEvent => {
  const event = anEvent(data, type)
  return { ...event, metadata: { ...event.metadata, schemaVersion } }
}
const letter1 = (price: number) => inVersion(1, 'LetterPosted', { to: 'Mia', price })
const letter2 = (cents: number) => inVersion(2, 'LetterPosted', { to: 'Mia', cents })
const parcel3 = (cents: number) =>
  inVersion(3, 'ParcelPosted', { recipients: ['Mia'], cents, currency: 'EUR' })
const unknown = () => anEvent({ any: 'thing' }, 'OfTheFuture')

const append = (store: EventStore, stream: string, events: NewEvent[]) =>
  store.append({ stream, expected: 'no_stream', events })

/** What nobody may change of an event. */
const envelope = ({ metadata, ...event }: RecordedEvent) => ({
  ...event,
  type: null,
  data: null,
  metadata: { ...metadata, schemaVersion: null },
})

t.test('every shape there ever was is read in the present one, under the present name', async (t) => {
  const stored = memoryEventStore()
  const store = withUpcasts(stored, kinds)
  const stream = aStream()
  await append(store, stream, [letter1(1.5), letter2(150), parcel3(150), unknown()])
  const present = { type: 'ParcelPosted', data: { recipients: ['Mia'], cents: 150, currency: 'EUR' } }

  const history = await store.readStream(stream)
  t.match(history, [present, present, present, { type: 'OfTheFuture', data: { any: 'thing' } }])
  t.strictSame(
    history.map(({ metadata }) => metadata.schemaVersion),
    [3, 3, 3, 1],
  )
  t.strictSame(await readFrom(store, null), history, 'the same in the whole log')
  t.strictSame(await followUntil(store, null, (events) => events.length === 4), history, 'and live')

  const raw = await stored.readStream(stream)
  t.match(raw, [{ type: 'LetterPosted', data: { price: 1.5 } }, { data: { cents: 150 } }, present])
  t.strictSame(history.map(envelope), raw.map(envelope), 'place, time and cause are as they were')
})

t.test('a filter by a present name finds what was stored under a former one', async (t) => {
  const store = withUpcasts(memoryEventStore(), kinds)
  const stream = aStream()
  await append(store, stream, [letter1(1), anEvent({ note: 'x' }), letter2(2), unknown(), parcel3(3)])
  const filter = { types: ['ParcelPosted'] }
  const found = await readFrom(store, null, 2, filter)
  t.strictSame(
    found.map(({ revision }) => revision),
    [0, 2, 4],
  )
  t.strictSame(await followUntil(store, null, (events) => events.length === 3, { filter }), found)
  t.strictSame(
    (await readFrom(store, null, 10, { types: ['Noted', 'OfTheFuture'], streamPrefix: stream })).map(
      ({ revision }) => revision,
    ),
    [1, 3],
    'an unknown kind is told as it is to who asks for it',
  )
})

t.test('a shape of a newer version stops who reads, right before it, and says so', async (t) => {
  const stored = memoryEventStore()
  const store = withUpcasts(stored, kinds)
  const stream = aStream()
  const newer = inVersion(4, 'ParcelPosted', { weight: 3 })
  await append(store, stream, [letter1(1), letter2(2), newer, parcel3(3)])
  await append(store, aStream('other'), [anEvent({ note: 'x' })])

  const refusal = {
    name: 'UnknownShape',
    message: `Event 2 of ${stream} is ParcelPosted in version 4, and this software knows ParcelPosted only up to version 3: run the version that wrote it, or a newer one`,
    event: { revision: 2, data: { weight: 3 } },
  }
  await t.rejects(store.readStream(stream), refusal)
  t.equal((await store.readStream(stream, { limit: 2 })).length, 2, 'what lies before it can be read')

  const before = await store.readAll({ after: null, limit: 10 })
  t.match(before, { atHead: false, position: before.events.at(-1)!.position })
  t.equal(before.events.length, 2)
  await t.rejects(store.readAll({ after: before.position, limit: 10 }), refusal)
  await t.rejects(pagesFrom(store, null), refusal)

  const seen: RecordedEvent[] = []
  const follow = async (): Promise<void> => {
    for await (const { events } of store.subscribe({
      after: null,
      limit: 10,
      signal: AbortSignal.timeout(60_000),
    }))
      seen.push(...events)
  }
  await t.rejects(follow(), refusal)
  t.strictSame(seen, before.events)

  t.match(await store.readAll({ after: null, limit: 10, filter: { types: ['Noted'] } }), {
    events: [{ type: 'Noted' }],
    atHead: true,
  })
  const later = withUpcasts(stored, [
    defineEvent('ParcelPosted', z.unknown(), [...ParcelPosted.former, { upcast: (data: object) => data }]),
    Noted,
  ])
  t.equal((await readFrom(later, before.position)).length, 3, 'the newer software goes on from there')
})

t.test('a version that never was under a name is no shape of it', async (t) => {
  const { upcast } = upcaster(kinds)
  for (const [version, type] of [
    [3, 'LetterPosted'],
    [1, 'ParcelPosted'],
    [0, 'LetterPosted'],
    [1.5, 'LetterPosted'],
    [undefined as unknown as number, 'Noted'],
  ] as const) {
    const store = memoryEventStore()
    await append(store, 'test-1', [inVersion(version, type, {})])
    const [event] = await store.readStream('test-1')
    t.throws(() => upcast(event!), UnknownShape, `${type} in version ${version}`)
  }
  t.throws(
    () => upcaster([ParcelPosted, defineEvent('LetterPosted', z.object({}))]),
    /LetterPosted is the name of two kinds/,
  )
})

t.test('upcasts compose, are pure, and keep what they were given', async (t) => {
  const { upcast } = upcaster(kinds)
  const recorded = (event: NewEvent): RecordedEvent => {
    const data = Object.freeze(event.data)
    return { ...event, data, stream: 's-1', revision: 3, position: 'p' as never, recordedAt: 'then' }
  }
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 1e9 }), (to, cents) => {
      const present = { recipients: [to], cents, currency: 'EUR' }
      const past = [
        inVersion(1, 'LetterPosted', { to, price: cents / 100 }),
        inVersion(2, 'LetterPosted', { to, cents }),
        inVersion(3, 'ParcelPosted', present),
      ].map(recorded)
      for (const event of past) {
        const told = upcast(event)
        t.same(told.data, present)
        t.same(parcel.parse(told.data), told.data)
        t.same(envelope(told), envelope(event))
        t.same(upcast(told), told)
        t.same(upcast(event), told)
      }
    }),
    { numRuns: 50 },
  )
})

t.test('where no shape is a former one, events are given as the store gave them', async (t) => {
  const stored = memoryEventStore()
  await append(stored, 'test-1', [anEvent({ note: 'x' }), unknown()])
  const given = await stored.readAll({ after: null, limit: 10 })
  const store = withUpcasts({ ...stored, readAll: async () => given }, [Noted])
  const told = await store.readAll({ after: null, limit: 10, filter: { types: ['Noted'] } })
  t.ok(told.events.every((event, index) => event === given.events[index]))
  await t.rejects(append(store, 'test-1', [unknown()]), RevisionConflict, 'and all else is the store')
  t.equal(await store.storeId(), await stored.storeId())
})

t.test('what is written says the version of its shape', async (t) => {
  const planted = catalogue as Map<string, EventDefinition>
  planted.set(ParcelPosted.type, ParcelPosted)
  t.teardown(() => planted.delete(ParcelPosted.type))
  const caller: Caller = {
    actor: { kind: 'system', id: 'test' },
    commandId: 'x',
    correlationId: 'c',
    causationId: null,
  }
  const written = (event: DomainEvent) => newEvent(event, 'id', caller, 'then').metadata.schemaVersion
  t.equal(written(ParcelPosted({ recipients: [], cents: 1, currency: 'EUR' })), 3)
  t.equal(written(DealRemoved({ dealId: 'd' })), 1)
})

t.test('nothing is decided on a stream that holds a shape of a newer version', async (t) => {
  const stored = memoryEventStore()
  const store = withUpcasts(stored)
  const contact = { contactId: 'x', contact: { emails: [] } }
  await append(store, 'contact-x', [
    inVersion(1, 'ContactRecorded', contact),
    inVersion(2, 'ContactRecorded', { ...contact, lists: ['vip'] }),
  ])
  const clock = () => new Date('2026-01-31T12:00:00.000Z')
  const caller: Caller = {
    actor: { kind: 'system', id: 'test' },
    commandId: newCommandId(clock()),
    correlationId: 'c',
    causationId: null,
  }
  const remove = { do: 'remove', kind: 'contact', id: 'x' } as const
  await t.rejects(handler(store, clock)(entry, 'contact-x', remove, caller), UnknownShape)
  await t.rejects(loader(store)(entry, 'contact-x'), UnknownShape)
  t.equal((await stored.readStream('contact-x')).length, 2, 'and nothing was written')
  t.match(
    await handler(store, clock)(entry, 'contact-y', remove, caller),
    { revision: -1 },
    'others are free',
  )
})

// The planted kinds, so that upcasting is at work in it.
const underneath = memoryEventStore()
eventStoreContract(t, 'a log that is read with upcasts', async () => withUpcasts(underneath, kinds))
