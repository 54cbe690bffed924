import t from 'tap'
import { memoryEventStore } from '../support/memory-event-store.ts'
import {
  entityId,
  entityIdOfSource,
  eventIdOf,
  handler,
  loader,
  newCommandId,
  newEvent,
  sourceEventId,
  type Caller,
} from '../../src/commands/handle.ts'
import { StaleRevision } from '../../src/commands/revisions.ts'
import { RevisionConflict, type EventStore } from '../../src/commands/ports/event-log.ts'
import { entry, type EntryCommand } from '../../src/domain/directory/entry.ts'
import { ContactRecorded } from '../../src/domain/directory/events.ts'

const clock = () => new Date('2026-01-31T12:00:00.000Z')
const caller = (): Caller => ({
  actor: { kind: 'user', id: 'u_1' },
  commandId: newCommandId(clock()),
  correlationId: 'c',
  causationId: null,
})
const put = (firstName: string): EntryCommand => ({
  do: 'put',
  entry: { kind: 'contact', id: 'x', value: { firstName, emails: [] } },
})

t.test('a command appends what it decides, with who, when and why beside it', async (t) => {
  const store = memoryEventStore()
  const who = caller()
  const handled = await handler(store, clock)(entry, 'contact-x', put('Mia'), who)
  t.match(handled, { revision: 0, repeated: false, state: { status: 'present' } })
  const [event] = await store.readStream('contact-x')
  t.match(event, {
    type: 'ContactRecorded',
    revision: 0,
    id: eventIdOf(who.commandId, 'contact-x', 0),
    metadata: { actor: who.actor, commandId: who.commandId, occurredAt: '2026-01-31T12:00:00.000Z' },
  })
  t.equal((await loader(store)(entry, 'contact-x')).revision, 0)
})

t.test('the same command again is not decided again, whatever happened since', async (t) => {
  const store = memoryEventStore()
  const handle = handler(store, clock)
  const who = caller()
  const first = await handle(entry, 'contact-x', put('Mia'), who)
  await handle(entry, 'contact-x', put('Changed since'), caller())
  const again = await handle(entry, 'contact-x', put('Mia'), who, { ifRevision: 0 })
  t.match(again, { revision: first.revision, position: first.position, repeated: true })
  t.equal((await store.readStream('contact-x')).length, 2)
})

t.test('what has just been loaded is gone on from, unless it is out of date', async (t) => {
  const store = memoryEventStore()
  let reads = 0
  const counted: EventStore = {
    ...store,
    readStream: (...args) => {
      reads++
      return store.readStream(...args)
    },
  }
  const handle = handler(counted, clock)
  const first = await handle(entry, 'contact-x', put('Mia'), caller())
  reads = 0
  const who = caller()
  const second = await handle(entry, 'contact-x', put('Mia B'), who, { known: first })
  t.equal(second.revision, 1)
  t.equal(reads, 0)
  t.match(await handle(entry, 'contact-x', put('Mia B'), who, { known: first }), {
    revision: 1,
    position: second.position,
    repeated: true,
  })
  const third = await handle(entry, 'contact-x', put('Mia C'), caller(), { known: first })
  t.match(third, { revision: 2, state: { value: { firstName: 'Mia C' } } })
  t.ok(reads > 0, 'out of date: it is loaded')
  const again = handle(entry, 'contact-x', put('Mia B'), who, { known: second, ifRevision: 0 })
  await t.rejects(again, StaleRevision)
  await t.rejects(
    handle(entry, 'contact-x', put('Mia D'), caller(), { known: second, ifRevision: 1 }),
    StaleRevision,
    'of another version than the one that was seen, though it says so',
  )
})

t.test('a command that does nothing answers with the stream as it is', async (t) => {
  const handle = handler(memoryEventStore(), clock)
  const first = await handle(entry, 'contact-x', put('Mia'), caller())
  const second = await handle(entry, 'contact-x', put('Mia'), caller())
  t.match(second, { revision: 0, position: first.position, repeated: false })
  t.match(await handle(entry, 'contact-y', { do: 'remove', kind: 'contact', id: 'y' }, caller()), {
    revision: -1,
    position: null,
  })
})

t.test('a change of another version than the one that was seen is refused', async (t) => {
  const handle = handler(memoryEventStore(), clock)
  await handle(entry, 'contact-x', put('Mia'), caller())
  await handle(entry, 'contact-x', put('Mia B'), caller(), { ifRevision: 0 })
  await t.rejects(handle(entry, 'contact-x', put('Mia C'), caller(), { ifRevision: 0 }), StaleRevision)
})

t.test('who loses a race starts again from the top, three times in all', async (t) => {
  const store = memoryEventStore()
  const overtaken = (times: number): EventStore => {
    let left = times
    return {
      ...store,
      append: async (append) => {
        if (left-- > 0) await handler(store, clock)(entry, append.stream, put(`Rival ${left}`), caller())
        return store.append(append)
      },
    }
  }
  const won = await handler(overtaken(2), clock)(entry, 'contact-x', put('Mia'), caller())
  t.equal(won.revision, 2, 'after two rivals')
  await t.rejects(handler(overtaken(3), clock)(entry, 'contact-x', put('Never'), caller()), RevisionConflict)
})

t.test('of many commands at once on one stream none is lost', async (t) => {
  const store = memoryEventStore()
  const handle = handler(store, clock)
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => handle(entry, 'contact-x', put(`Name ${index}`), caller())),
  )
  const done = results.filter((result) => result.status === 'fulfilled')
  t.equal((await store.readStream('contact-x')).length, done.length)
})

t.test('ids come from where they come from, and from nothing else', async (t) => {
  const commandId = newCommandId(clock())
  t.equal(eventIdOf(commandId, 's', 0), eventIdOf(commandId, 's', 0))
  t.equal(new Set(['s', 'r'].flatMap((stream) => [0, 1].map((n) => eventIdOf(commandId, stream, n)))).size, 4)
  t.match(
    eventIdOf(commandId, 's', 0),
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  t.match(sourceEventId('key'), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.match(entityId('acc', commandId), /^acc_[0-9a-hjkmnp-tv-z]{26}$/)
  t.equal(entityIdOfSource('msg', 'k'), entityIdOfSource('msg', 'k'))
  const later = newCommandId(new Date(clock().getTime() + 1000))
  t.ok(entityId('acc', commandId) < entityId('acc', later), 'and sort by time')
})

t.test('an event that does not fit its schema, or has none, is not made', async (t) => {
  const who = caller()
  const wrong = ContactRecorded({ contactId: 'a@b', contact: { emails: [] } })
  t.throws(() => newEvent(wrong, 'id', who, clock().toISOString()))
  t.throws(() => newEvent({ type: 'Nothing', data: {} }, 'id', who, clock().toISOString()), /catalogue/)
})
