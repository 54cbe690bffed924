import { Counter, Gauge, Histogram } from 'prom-client'
import {
  AppendTooLarge,
  DuplicateEvent,
  RevisionConflict,
  type EventStore,
} from '../../commands/ports/event-log.ts'
import { SECONDS, type Meter } from './meter.ts'

/** The store, with its appends counted and timed, and the extent of its log. Other calls pass through. */
export const measuredStore = (store: EventStore, meter: Meter): EventStore => {
  const registers = [meter.registry]
  const { unit } = store.extent(null)
  const appends = new Counter({
    name: 'mailtrail_event_store_appends_total',
    help: 'Appends by outcome',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of ['appended', 'repeated', 'conflict', 'duplicate', 'too-large', 'failed'])
    appends.inc({ outcome }, 0)
  const events = new Counter({
    name: 'mailtrail_event_store_events_total',
    help: 'Events appended by this process',
    registers,
  })
  const duration = new Histogram({
    name: 'mailtrail_event_store_append_duration_seconds',
    help: 'Time of an append, until it was durable or refused',
    buckets: SECONDS,
    registers,
  })
  const head = new Gauge({
    name: `mailtrail_event_store_head_${unit}`,
    help: `The log's extent, in ${unit}`,
    registers,
  })
  const up = new Gauge({
    name: 'mailtrail_event_store_up',
    help: '1 if the event store answered when this was read',
    registers,
  })
  meter.beforeReading(
    async () => ({ position: await store.head() }),
    (found) => {
      up.set(found ? 1 : 0)
      if (found) head.set(store.extent(found.position).amount)
    },
  )

  return {
    ...store,
    append: async (request) => {
      const ended = duration.startTimer()
      try {
        const appended = await store.append(request)
        appends.inc({ outcome: appended.repeated ? 'repeated' : 'appended' })
        if (!appended.repeated) events.inc(request.events.length)
        return appended
      } catch (error) {
        appends.inc({ outcome: outcomeOf(error) })
        throw error
      } finally {
        ended()
      }
    },
  }
}

const outcomeOf = (error: unknown): string => {
  if (error instanceof RevisionConflict) return 'conflict'
  if (error instanceof DuplicateEvent) return 'duplicate'
  return error instanceof AppendTooLarge ? 'too-large' : 'failed'
}
