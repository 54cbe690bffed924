import { sentenceOf } from '../../domain/audit/sentence.ts'
import { subjectsOf } from '../../domain/audit/subjects.ts'
import type { AnyEvent } from '../../domain/catalogue.ts'
import type { RecordedEvent } from '../../domain/event.ts'

/** An event as it is shown to whoever audits the log. */
export const toEventView = (event: RecordedEvent<AnyEvent>) => {
  const { id, type, stream, revision, position, recordedAt, data, metadata } = event
  const { actor, commandId, causationId, correlationId, occurredAt } = metadata
  const summary = sentenceOf(event)
  const place = { id, type, summary, stream, revision, position, recordedAt, occurredAt }
  return { ...place, actor, commandId, causationId, correlationId, subjects: subjectsOf(event), data }
}
