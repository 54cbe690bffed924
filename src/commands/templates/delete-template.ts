import { template } from '../../domain/templates/template.ts'
import { userOf, type Caller, type Handle } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { templateChange, templateStream, type TemplateChange } from './create-template.ts'

/** Deletes a template. Messages made from it keep their version to show. @throws NotFound */
export const deleteTemplate =
  (deps: { handle: Handle }) =>
  async (caller: Caller, templateId: string, ifRevision?: IfRevision): Promise<TemplateChange> => {
    const command = { do: 'delete', templateId, by: userOf(caller) } as const
    const handled = await deps.handle(template, templateStream(templateId), command, caller, { ifRevision })
    return templateChange(templateId, handled)
  }
