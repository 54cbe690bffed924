import type { Handle } from '../handle.ts'
import type { EventStore } from '../ports/event-log.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'
import { changeTemplate } from './change-template.ts'
import { createTemplate } from './create-template.ts'
import { deleteTemplate } from './delete-template.ts'
import { findTemplate } from './find-template.ts'
import { previewTemplate, type PreviewDeps } from './preview-template.ts'

export type TemplateDeps = Omit<PreviewDeps, 'findTemplate'> & {
  readonly handle: Handle
  readonly store: Pick<EventStore, 'readStream'>
  readonly compiler: TemplateCompiler
}

/** What can be done with templates. */
export const templateCommands = (deps: TemplateDeps) => {
  const find = findTemplate(deps)
  return {
    create: createTemplate(deps),
    change: changeTemplate(deps),
    delete: deleteTemplate(deps),
    preview: previewTemplate({ ...deps, findTemplate: find }),
    find,
  }
}

export type TemplateCommands = ReturnType<typeof templateCommands>
