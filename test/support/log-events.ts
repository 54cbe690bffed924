import { randomUUID } from 'node:crypto'
import type { Appended, EventFilter, EventStore, NewEvent, Page } from '../../src/commands/ports/event-log.ts'
import type { Position, RecordedEvent } from '../../src/domain/event.ts'

/** An event for tests of the log itself, which knows nothing of the catalogue. */
export const anEvent = (
  data: unknown = { note: 'x' },
  type = 'Noted',
  id: string = randomUUID(),
): NewEvent => ({
  type,
  data,
  id,
  metadata: {
    actor: { kind: 'system', id: 'test' },
    commandId: randomUUID(),
    correlationId: 'c',
    causationId: null,
    occurredAt: '2026-01-31T12:00:00.000Z',
    schemaVersion: 1,
  },
})

export const someEvents = (count: number): NewEvent[] =>
  Array.from({ length: count }, (_, n) => anEvent({ n }))

/** A stream that nobody else uses, on a log that others use too. */
export const aStream = (category = 'test'): string => `${category}-${randomUUID()}`

/** Appends events one by one or several at a time, and gives what the last was answered. */
export const appendAll = async (
  store: EventStore,
  stream: string,
  ...appends: NewEvent[][]
): Promise<Appended> => {
  let last: Appended | undefined
  for (const events of appends)
    last = await store.append({ stream, expected: last ? last.revision : 'no_stream', events })
  if (!last) throw new TypeError('Nothing to append')
  return last
}

/** All pages behind `after` up to the head. */
export const pagesFrom = async (
  store: EventStore,
  after: Position | null,
  limit = 100,
  filter?: EventFilter,
): Promise<Page[]> => {
  const pages: Page[] = []
  for (;;) {
    const page = await store.readAll({
      after: pages.at(-1)?.position ?? after,
      limit,
      ...(filter && { filter }),
    })
    pages.push(page)
    if (page.atHead) return pages
  }
}

export const readFrom = async (...args: Parameters<typeof pagesFrom>): Promise<RecordedEvent[]> =>
  (await pagesFrom(...args)).flatMap(({ events }) => events)

/** Follows the log until `enough` says so of what came, and at most 20 seconds. */
export const followUntil = async (
  store: EventStore,
  after: Position | null,
  enough: (events: readonly RecordedEvent[]) => boolean,
  options: { limit?: number; filter?: EventFilter } = {},
): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = []
  const signal = AbortSignal.timeout(60_000)
  for await (const page of store.subscribe({ after, limit: 100, ...options, signal })) {
    events.push(...page.events)
    if (enough(events)) break
  }
  return events
}

export const idsOf = (events: readonly { readonly id: string }[]): string[] => events.map(({ id }) => id)
