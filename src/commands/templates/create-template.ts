import type { TemplateContent, TemplateScope } from '../../domain/templates/events.ts'
import { template, type Template } from '../../domain/templates/template.ts'
import { entityId, userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'
import { admitBody } from './admit-body.ts'

/** What a command came to; `version` is the template's newest. */
export type TemplateChange = Handled<Template> & { readonly templateId: string; readonly version: number }

export const templateChange = (templateId: string, handled: Handled<Template>): TemplateChange => ({
  ...handled,
  templateId,
  version: handled.state.status === 'none' ? 0 : handled.state.version,
})

/**
 * Makes a template: a personal one for the user who asks, or a shared one.
 * @throws Refused `not-your-template`, `unknown-variable`, `misplaced-variable`, `template-invalid`, `unsafe-markup`
 */
export const createTemplate =
  (deps: { handle: Handle; compiler: TemplateCompiler }) =>
  async (
    caller: Caller,
    input: { readonly scope: TemplateScope; readonly content: TemplateContent },
  ): Promise<TemplateChange> => {
    const templateId = entityId('tpl', caller.commandId)
    await admitBody(deps.compiler, input.content.body, caller)
    const { scope, content } = input
    const handled = await deps.handle(
      template,
      templateStream(templateId),
      { do: 'create', templateId, by: userOf(caller), scope, content },
      caller,
    )
    return templateChange(templateId, handled)
  }

export const templateStream = (templateId: string): string => `template-${templateId}`
