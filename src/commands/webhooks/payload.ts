import { sentenceOf } from '../../domain/audit/sentence.ts'
import { subjectsOf } from '../../domain/audit/subjects.ts'
import type { AnyEvent } from '../../domain/catalogue.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import type { EndpointFacts } from '../../domain/webhooks/events.ts'

/**
 * What is posted for an event: `type`, `timestamp` and `data` as Standard Webhooks has them, and where the event is in the
 * log. `previousPosition` is that of the event which is delivered before it, so that a receiver notices a gap.
 */
export const payloadOf = (
  event: RecordedEvent<AnyEvent>,
  previousPosition: string | null,
  form: EndpointFacts['payload'],
): string => {
  const { id, type, stream, revision, position, recordedAt, metadata } = event
  return JSON.stringify({
    id,
    type,
    timestamp: recordedAt,
    occurredAt: metadata.occurredAt,
    position,
    previousPosition,
    stream,
    revision,
    actor: metadata.actor,
    subjects: subjectsOf(event),
    ...(form === 'full' ? { summary: sentenceOf(event), data: event.data } : {}),
  })
}
