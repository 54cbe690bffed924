import {
  TemplateChanged,
  TemplateCreated,
  TemplateDeleted,
  type TemplateEvent,
} from '../../domain/templates/events.ts'
import { maySee } from '../../domain/templates/template.ts'
import type { EventStore } from '../ports/event-log.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'
import { templateStream } from './create-template.ts'

export type FoundTemplate = { readonly version: number; readonly subject: string; readonly html: string }

/**
 * A version of a template, or the newest where `version` is null, compiled to HTML with its variables in place.
 * From the stream, so never behind. Null where there is none that this user (null: nobody in particular) may use;
 * what is deleted can still be read by its version.
 */
export const findTemplate =
  (deps: { store: Pick<EventStore, 'readStream'>; compiler: TemplateCompiler }) =>
  async (
    { templateId, version }: { readonly templateId: string; readonly version: number | null },
    userId: string | null,
  ): Promise<FoundTemplate | null> => {
    // The stream's own category guarantees the type: only its decider ever writes to it.
    const events = (await deps.store.readStream(templateStream(templateId))) as unknown as TemplateEvent[]
    const versions = events.filter(
      (event) => event.type === TemplateCreated.type || event.type === TemplateChanged.type,
    )
    const [created] = versions
    if (created?.type !== TemplateCreated.type || !maySee(created.data.scope, userId)) return null
    if (version === null && events.some(({ type }) => type === TemplateDeleted.type)) return null
    const wanted = versions.findLast((event) => version === null || event.data.version === version)
    if (!wanted) return null
    const { subject, body } = wanted.data.content
    return { version: wanted.data.version, subject, html: await deps.compiler.compile(body) }
  }
