import { randomUUID } from 'node:crypto'
import {
  AppendTooLarge,
  DuplicateEvent,
  ForeignPosition,
  MAX_APPEND_BYTES,
  RevisionConflict,
  type EventStore,
  type Page,
} from '../../src/commands/ports/event-log.ts'
import type { EventMetadata, Position, RecordedEvent } from '../../src/domain/event.ts'
import { notifier } from '../../src/std/notifier.ts'

/** Data and metadata are kept as JSON text, so that nobody's later changes reach the log. */
type Kept = Omit<RecordedEvent, 'data' | 'metadata'> & { readonly data: string; readonly metadata: string }

/** The log in memory, with the whole contract of the real one; what "durable" can mean here ends with the process. */
export const memoryEventStore = (): EventStore => {
  const id = randomUUID()
  const log: Kept[] = []
  const streams = new Map<string, Kept[]>()
  const byId = new Map<string, Kept>()
  const grown = notifier()
  const closing = new AbortController()

  const append: EventStore['append'] = async ({ stream, expected, events }) => {
    if (closing.signal.aborted) throw new Error('The event store is closed')
    if (events.length === 0) throw new TypeError('An append needs at least one event')
    const history = streams.get(stream) ?? []
    const next = expected === 'no_stream' ? 0 : expected + 1
    const known = events.flatMap((event) => byId.get(event.id) ?? [])
    const last = known.at(-1)
    if (last && known.length === events.length && known.every((event, nth) => history[next + nth] === event))
      return { revision: last.revision, position: last.position, repeated: true }
    if (last) throw new DuplicateEvent(stream)
    if (next !== history.length) throw new RevisionConflict(stream, expected, history.length - 1)
    if (new Set(events.map((event) => event.id)).size < events.length) throw new DuplicateEvent(stream)

    const texts = events.map(
      ({ data, metadata }) => [JSON.stringify(data), JSON.stringify(metadata)] as const,
    )
    if (Buffer.byteLength(texts.flat().join('')) > MAX_APPEND_BYTES) throw new AppendTooLarge(stream)

    const now = new Date().toISOString()
    const before = log.at(-1)?.recordedAt ?? now
    const kept = events.map(({ id: eventId, type }, nth) => ({
      id: eventId,
      stream,
      revision: next + nth,
      position: positionOf(log.length + 1 + nth),
      recordedAt: now > before ? now : before,
      type,
      data: texts[nth]![0],
      metadata: texts[nth]![1],
    }))
    streams.set(stream, history)
    history.push(...kept)
    for (const event of kept) byId.set(event.id, event)
    log.push(...kept)
    grown.notify()
    return { revision: next + events.length - 1, position: positionOf(log.length), repeated: false }
  }

  const page: (options: Parameters<EventStore['readAll']>[0]) => Page = ({ after, limit, filter = {} }) => {
    const { types, streamPrefix = '' } = filter
    const events: RecordedEvent[] = []
    let number = after === null ? 0 : numberOf(after)
    while (number < log.length && events.length < limit) {
      const event = log[number++]
      if (event && (types?.includes(event.type) ?? true) && event.stream.startsWith(streamPrefix))
        events.push(recorded(event))
    }
    return { events, position: positionOf(number), atHead: number >= log.length }
  }

  const subscribe = async function* (options: Parameters<EventStore['subscribe']>[0]): AsyncGenerator<Page> {
    const signal = AbortSignal.any([options.signal, closing.signal])
    let { after } = options
    let first = true
    while (!signal.aborted) {
      const seen = grown.count()
      const found = page({ ...options, after })
      if (first || found.position !== after) yield found
      first = false
      after = found.position
      if (numberOf(after) >= log.length) await grown.wait(seen, { signal })
    }
  }

  return {
    append,
    readStream: async (stream, { after = -1, limit = Infinity } = {}) =>
      (streams.get(stream) ?? []).slice(after + 1, after + 1 + limit).map(recorded),
    readAll: async (options) => page(options),
    subscribe,
    isPosition: (text): text is Position => FORM.test(text),
    positionAt: async (instant) => {
      const time = Date.parse(instant)
      return log.findLast(({ recordedAt }) => Date.parse(recordedAt) <= time)?.position ?? null
    },
    extent: (position) => ({ unit: 'events', amount: position === null ? 0 : numberOf(position) }),
    newest: async () => {
      const last = log.at(-1)
      return last ? { position: last.position, recordedAt: last.recordedAt } : null
    },
    head: async () => log.at(-1)?.position ?? null,
    storeId: async () => id,
    close: async () => closing.abort(),
  }
}

const recorded = (event: Kept): RecordedEvent => ({
  ...event,
  data: JSON.parse(event.data) as unknown,
  metadata: JSON.parse(event.metadata) as EventMetadata,
})

const positionOf = (number: number): Position => `m:${String(number).padStart(20, '0')}` as Position

const FORM = /^m:(\d{20})$/

const numberOf = (position: Position): number => {
  const [, digits] = FORM.exec(position) ?? []
  if (digits === undefined) throw new ForeignPosition()
  return Number(digits)
}
