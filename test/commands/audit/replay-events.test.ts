import t from 'tap'
import { stories } from '../../../src/app/stories.ts'
import { readEvents } from '../../../src/commands/audit/read-events.ts'
import { replayEvents } from '../../../src/commands/audit/replay-events.ts'
import type { RecordedEvent } from '../../../src/domain/event.ts'
import { messageStream } from '../../../src/domain/sync/message.ts'
import { messageIdOf, synced } from '../../support/example-sync-events.ts'
import { recordedEvents } from '../../support/fold-events.ts'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { sentEmail } from '../../support/sent-email.ts'

const email = sentEmail(1)
const day = (time: string) => `2026-01-22T${time}.000Z`
const life = [
  email.queued,
  { type: 'OfTheFuture', data: {}, envelope: { stream: `outgoing-${email.outgoingId}` } },
  email.released(day('14:29:59')),
  email.open(day('14:29:59')),
  email.sent(day('14:30:00')),
  email.open(day('14:45:00')),
  { ...synced(7), envelope: { stream: messageStream(messageIdOf(7)) } },
  email.replied(day('15:00:00'), 7),
  email.bounced(day('15:10:00'), 'ann@client.test'),
]

const logOf = async (events: typeof life) => {
  const store = memoryEventStore()
  for (const event of recordedEvents(events)) {
    const expected = event.revision === 0 ? 'no_stream' : event.revision - 1
    await store.append({ stream: event.stream, expected, events: [event] })
  }
  const { events: log } = await store.readAll({ after: null, limit: 100 })
  return { store, log, replay: replayEvents({ store, stories }) }
}

t.test('what an event changed is the same, whichever events are asked for with it', async (t) => {
  const { log, replay } = await logOf(life)
  const whole = await replay(log)
  for (let from = 0; from < log.length; from++)
    for (let to = from + 1; to <= log.length; to++) {
      const part = log.slice(from, to)
      t.strictSame(
        [...(await replay(part))],
        part.map(({ id }) => [id, whole.get(id)]),
      )
    }
})

t.test(
  'a hit changes the report by what was known then, and a later event by what is known since',
  async (t) => {
    const { log, replay } = await logOf(life)
    const changes = await replay(log)
    const of = ({ id }: RecordedEvent) =>
      (changes.get(id) ?? []).filter(({ path }) => path.includes('/summary/') && !path.endsWith('At'))
    const opens = log.filter(({ type }) => type === 'OpenTracked')
    const path = (name: string) => `/tracking/${email.outgoingId}/summary/${name}`
    t.match(
      of(opens[0]!),
      [{ path: path('machine/opens'), before: 0, after: 1 }],
      'nobody reads before it is sent',
    )
    t.match(
      of(opens[1]!),
      [
        { path: path('opens'), before: 0, after: 1 },
        { path: path('uniqueOpens'), before: 0, after: 1 },
        { path: path('human/opens'), before: 0, after: 1 },
      ],
      'a person has read it',
    )
  },
)

t.test(
  'an event of a kind that is not known here changes nothing, and keeps nothing from being replayed',
  async (t) => {
    const { log, replay } = await logOf(life)
    const changes = await replay(log)
    const future = log.find(({ type }) => type === 'OfTheFuture')
    t.strictSame(changes.get(future?.id ?? ''), [])
    t.ok(log.every(({ id, type }) => type === 'OfTheFuture' || (changes.get(id) ?? []).length > 0))
  },
)

t.test(
  'events are read from the log in the order asked for, and one that is not there is a fault',
  async (t) => {
    const { store, log } = await logOf(life)
    const read = readEvents({ store })
    t.strictSame(await read(log.toReversed()), log.toReversed())
    t.strictSame(await read([]), [])
    await t.rejects(read([{ stream: `outgoing-${email.outgoingId}`, revision: 99 }]), /no event 99/)
  },
)
