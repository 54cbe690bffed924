import { Counter, Gauge, Histogram } from 'prom-client'
import type { EventStore } from '../../commands/ports/event-log.ts'
import type { Position } from '../../domain/event.ts'
import { SECONDS, type Meter } from './meter.ts'

/** The status of a projection, from the runner. */
export type ProjectionFigures = {
  readonly name: string
  readonly position: Position | null
  readonly head: Position | null
  readonly lagMs: number | null
  readonly runningHere: boolean
  readonly error: object | null
  readonly parked: { readonly events: number; readonly streams: number }
}

/** One attempt to fold events, as reported by the runner. */
export type FoldedBatch = {
  readonly projection: string
  readonly events: readonly unknown[]
  readonly ms: number
  readonly failed: boolean
}

/**
 * How far each projection is, whichever process runs it, and what those running here did. If a projection's lag is
 * unknown, its seconds are omitted.
 */
export const projectionMetrics = (
  meter: Meter,
  store: Pick<EventStore, 'extent'>,
  status: () => Promise<readonly ProjectionFigures[]>,
): ((batch: FoldedBatch) => void) => {
  const { unit } = store.extent(null)
  const gauge = (name: string, help: string) =>
    new Gauge({
      name: `mailtrail_projection_${name}`,
      help,
      labelNames: ['projection'],
      registers: [meter.registry],
    })
  const position = gauge(`position_${unit}`, `Position in the log, in ${unit}`)
  const lag = gauge(`lag_${unit}`, `How much of the log is still to be read, in ${unit}`)
  const lagSeconds = gauge('lag_seconds', 'Age of the oldest event that is not in the tables yet')
  const running = gauge('running', '1 if this process runs it')
  const failing = gauge('failing', '1 if it has stopped at an error, as far as this process knows')
  const parkedEvents = gauge(
    'parked_events',
    'Parked events: those that could not be folded, and those behind them',
  )
  const parkedStreams = gauge('parked_streams', 'Streams that wait behind an event that could not be folded')
  const gauges = [position, lag, lagSeconds, running, failing, parkedEvents, parkedStreams]
  const batches = counted(meter)

  meter.beforeReading(status, (all) => {
    for (const each of gauges) each.reset()
    for (const each of all ?? []) {
      const projection = each.name
      const at = store.extent(each.position).amount
      position.set({ projection }, at)
      lag.set({ projection }, Math.max(store.extent(each.head).amount - at, 0))
      if (each.lagMs !== null) lagSeconds.set({ projection }, each.lagMs / 1000)
      running.set({ projection }, each.runningHere ? 1 : 0)
      failing.set({ projection }, each.error ? 1 : 0)
      parkedEvents.set({ projection }, each.parked.events)
      parkedStreams.set({ projection }, each.parked.streams)
      batches.begin(projection)
    }
  })
  return batches.add
}

const counted = ({ registry }: Meter) => {
  const labelNames = ['projection']
  const registers = [registry]
  const duration = new Histogram({
    name: 'mailtrail_projection_batch_duration_seconds',
    help: 'Time to fold a batch of events into the tables, including the transaction',
    labelNames,
    buckets: SECONDS,
    registers,
  })
  const events = new Counter({
    name: 'mailtrail_projection_events_total',
    help: 'Events folded by this process',
    labelNames,
    registers,
  })
  const errors = new Counter({
    name: 'mailtrail_projection_errors_total',
    help: 'Batches that this process could not fold completely',
    labelNames,
    registers,
  })
  return {
    /** A rate needs to start from zero. */
    begin: (projection: string): void => {
      events.inc({ projection }, 0)
      errors.inc({ projection }, 0)
    },
    add: (batch: FoldedBatch): void => {
      const { projection } = batch
      duration.observe({ projection }, batch.ms / 1000)
      if (batch.failed) errors.inc({ projection })
      else events.inc({ projection }, batch.events.length)
    },
  }
}
