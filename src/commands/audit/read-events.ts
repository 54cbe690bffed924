import type { AnyEvent } from '../../domain/catalogue.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import { inParallel } from '../../std/in-parallel.ts'
import type { EventStore } from '../ports/event-log.ts'

/** Where an event is: in which stream, at which revision. */
export type EventRef = { readonly stream: string; readonly revision: number }

const AT_ONCE = 8

/**
 * These events as the log has them, in the order of the references.
 * @throws Error if the log has no such event
 */
export const readEvents =
  ({ store }: { readonly store: Pick<EventStore, 'readStream'> }) =>
  async (refs: readonly EventRef[]): Promise<RecordedEvent<AnyEvent>[]> => {
    const streams = [...Map.groupBy(refs, ({ stream }) => stream)]
    const read = await inParallel(streams, AT_ONCE, async ([stream, of]) => {
      const revisions = of.map(({ revision }) => revision)
      const first = Math.min(...revisions)
      const limit = Math.max(...revisions) - first + 1
      return store.readStream(stream, { after: first - 1, limit })
    })
    const events = new Map(read.flat().map((event) => [keyOf(event), event]))
    return refs.map((ref) => {
      const event = events.get(keyOf(ref))
      if (!event) throw new Error(`The log has no event ${ref.revision} of ${ref.stream}`)
      // Only known kinds are referred to, and they are read in their present shape.
      return event as RecordedEvent<AnyEvent>
    })
  }

const keyOf = ({ stream, revision }: EventRef): string => `${stream} ${revision}`
