import { catalogue } from '../domain/catalogue.ts'
import type { EventDefinition, RecordedEvent } from '../domain/event.ts'
import { UnknownShape, upcaster } from '../domain/upcast.ts'
import type { EventFilter, EventStore, Page } from './ports/event-log.ts'

/**
 * The log as everybody reads it: each event in the current shape and under the current name of its kind. A filter names
 * current types and also finds events stored under former names. Reading a stream throws UnknownShape if it holds an
 * event of an unknown shape; reading the log returns what precedes such an event, and then throws.
 */
export const withUpcasts = (
  store: EventStore,
  definitions: Iterable<EventDefinition> = catalogue.values(),
): EventStore => {
  const { upcast, storedNames } = upcaster(definitions)
  const stored = <Options extends { filter?: EventFilter }>(options: Options): Options =>
    options.filter?.types
      ? { ...options, filter: { ...options.filter, types: storedNames(options.filter.types) } }
      : options
  return {
    ...store,
    readStream: async (stream, options) => (await store.readStream(stream, options)).map(upcast),
    readAll: async (options) => {
      const { page, unknown } = told(await store.readAll(stored(options)), upcast)
      if (unknown && page.events.length === 0) throw unknown
      return page
    },
    subscribe: async function* (options) {
      for await (const given of store.subscribe(stored(options))) {
        const { page, unknown } = told(given, upcast)
        if (!unknown || page.events.length > 0) yield page
        if (unknown) throw unknown
      }
    },
  }
}

/** The page in current shapes, up to the first event of an unknown shape (`unknown`). */
const told = (
  page: Page,
  upcast: (event: RecordedEvent) => RecordedEvent,
): { readonly page: Page; readonly unknown: UnknownShape | null } => {
  const events: RecordedEvent[] = []
  for (const event of page.events)
    try {
      events.push(upcast(event))
    } catch (error) {
      if (!(error instanceof UnknownShape)) throw error
      const position = events.at(-1)?.position ?? page.position
      return { page: { events, position, atHead: false }, unknown: error }
    }
  return { page: { ...page, events }, unknown: null }
}
