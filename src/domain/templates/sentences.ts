import type { Sentences } from '../event.ts'
import type { TemplateEvent } from './events.ts'

export const templateSentences: Sentences<TemplateEvent> = {
  TemplateCreated: ({ scope, content }) =>
    scope.kind === 'shared'
      ? `The shared template “${content.name}” was created`
      : `The template “${content.name}” of user ${scope.userId} was created`,
  TemplateChanged: ({ version, content }) =>
    `The template “${content.name}” was changed; this is version ${version}`,
  TemplateDeleted: () => 'The template was deleted',
}
