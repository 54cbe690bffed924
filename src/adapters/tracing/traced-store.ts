import { trace } from '@opentelemetry/api'
import type { EventStore } from '../../commands/ports/event-log.ts'
import { inSpan, spanContextOf, traceparentOf } from './spans.ts'

/**
 * The store, with a span for each append. While a trace is recorded, events carry it in their metadata: the span of the
 * command that appended them, so that whatever follows from them can link to it.
 */
export const tracedStore = (store: EventStore): EventStore => ({
  ...store,
  append: (request) => {
    const category = categoryOf(request.stream)
    const attributes = { 'mailtrail.stream.category': category, 'mailtrail.events': request.events.length }
    return inSpan(`append ${category}`, { attributes }, async (span, parent) => {
      const traceparent = traceparentOf(parent ?? span)
      if (traceparent === undefined) return store.append(request)
      const events = request.events.map((event) => ({
        ...event,
        metadata: { ...event.metadata, traceparent },
      }))
      const appended = await store.append({ ...request, events })
      span.setAttribute('mailtrail.repeated', appended.repeated)
      return appended
    })
  },
})

/** The store for commands: each command's span is linked to that of the last change of the stream it reads. */
export const linkedStore = (store: EventStore): EventStore => ({
  ...store,
  readStream: async (stream, options) => {
    const events = await store.readStream(stream, options)
    const span = trace.getActiveSpan()
    const of = span?.isRecording() ? spanContextOf(events.at(-1)?.metadata.traceparent) : undefined
    if (of && of.traceId !== span?.spanContext().traceId) span?.addLink({ context: of })
    return events
  },
})

/** A stream's name may identify a person: only its category is used. */
export const categoryOf = (stream: string): string => stream.split('-', 1)[0] ?? ''
