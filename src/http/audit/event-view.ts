import { z } from 'zod'
import { sentenceOf } from '../../domain/audit/sentence.ts'
import { subjectKinds, subjectsOf } from '../../domain/audit/subjects.ts'
import type { AnyEvent } from '../../domain/catalogue.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import { actorView } from '../server/actor-view.ts'

export const eventView = z
  .object({
    id: z.string().describe('Id of the event'),
    type: z.string().describe('What kind of event it is; the name of a kind never changes'),
    summary: z.string().describe('What happened, in a sentence for people'),
    stream: z.string().describe('The stream that it is in: of one thing, named `<category>-<id>`'),
    revision: z.int().describe('Place in the stream, from 0'),
    position: z.string().describe('Place in the event log; later events have greater ones'),
    recordedAt: z.string().describe('When it was recorded'),
    occurredAt: z.string().describe('When it happened at its source'),
    actor: actorView,
    commandId: z.string().describe('The command that led to it; events of one command share it'),
    causationId: z.string().nullable().describe('The command that caused that command, if one did'),
    correlationId: z
      .string()
      .describe('What belongs together: the request, or for automations the id of what they worked on'),
    subjects: z
      .array(z.object({ kind: z.enum(subjectKinds), id: z.string() }))
      .describe('What it is about, as far as the event itself says'),
    data: z
      .record(z.string(), z.unknown())
      .describe(
        'The event as it is in the log. Contents of mails are references to blobs; secrets are never in it',
      ),
  })
  .meta({ id: 'AuditEvent' })

const change = z
  .object({
    op: z.enum(['add', 'replace', 'remove']).describe('As in a JSON Patch (RFC 6902)'),
    path: z
      .string()
      .describe(
        'JSON Pointer (RFC 6901) into one document of everything: `/<category>/<id>/…`, as in stream names',
      ),
    before: z.unknown().optional().describe('What was there; missing if nothing was'),
    after: z.unknown().optional().describe('What is there now; missing if it was removed'),
  })
  .meta({ id: 'AuditChange' })

export const replayedView = eventView
  .extend({
    changes: z.array(change).describe('What the event changed; applied in order, they give the state'),
  })
  .meta({ id: 'ReplayedEvent' })

/** An event as it is shown to whoever audits the log. */
export const toEventView = (event: RecordedEvent<AnyEvent>) => {
  const { id, type, stream, revision, position, recordedAt, data, metadata } = event
  const { actor, commandId, causationId, correlationId, occurredAt } = metadata
  const summary = sentenceOf(event)
  const place = { id, type, summary, stream, revision, position, recordedAt, occurredAt }
  return { ...place, actor, commandId, causationId, correlationId, subjects: subjectsOf(event), data }
}
