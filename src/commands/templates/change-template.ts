import type { TemplateContent } from '../../domain/templates/events.ts'
import { template } from '../../domain/templates/template.ts'
import { userOf, type Caller, type Handle } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'
import { admitBody } from './admit-body.ts'
import { templateChange, templateStream, type TemplateChange } from './create-template.ts'

/**
 * Changes what is named of a template, as its next version; the versions before stay. The same again does nothing.
 * @throws NotFound, StaleRevision, Refused as `createTemplate`
 */
export const changeTemplate =
  (deps: { handle: Handle; compiler: TemplateCompiler }) =>
  async (
    caller: Caller,
    input: {
      readonly templateId: string
      readonly content: Partial<TemplateContent>
      readonly ifRevision: IfRevision
    },
  ): Promise<TemplateChange> => {
    const { templateId, content, ifRevision } = input
    if (content.body) await admitBody(deps.compiler, content.body, caller)
    const handled = await deps.handle(
      template,
      templateStream(templateId),
      { do: 'change', templateId, by: userOf(caller), content },
      caller,
      { ifRevision },
    )
    return templateChange(templateId, handled)
  }
