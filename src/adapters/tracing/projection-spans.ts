import { ROOT_CONTEXT, SpanStatusCode } from '@opentelemetry/api'
import type { RecordedEvent } from '../../domain/event.ts'
import { linksTo, tracer } from './spans.ts'

const MOST_LINKS = 32

/** A span for a batch folded by a projection, linked to the traces that its events came from. */
export const traceBatch = (batch: {
  readonly projection: string
  readonly events: readonly RecordedEvent[]
  readonly ms: number
  readonly failed: boolean
}): void => {
  const now = Date.now()
  const attributes = { 'mailtrail.projection': batch.projection, 'mailtrail.events': batch.events.length }
  const span = tracer().startSpan(
    `projection ${batch.projection}`,
    { attributes, startTime: now - batch.ms },
    ROOT_CONTEXT,
  )
  if (!span.isRecording()) return
  span.addLinks(
    linksTo(
      batch.events.map(({ metadata }) => metadata.traceparent),
      MOST_LINKS,
    ),
  )
  if (batch.failed) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(now)
}
