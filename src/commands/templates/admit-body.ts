import { refuseProblems, variableProblems } from '../../domain/templates/render.ts'
import type { TemplateContent } from '../../domain/templates/events.ts'
import type { Caller } from '../handle.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'

/**
 * Compiles a body, and refuses it where it cannot be compiled, runs code, or has a variable where no value could be
 * written: in MJML that shows only in the HTML that comes of it.
 */
export const admitBody = async (
  compiler: TemplateCompiler,
  body: TemplateContent['body'],
  { actor }: Caller,
): Promise<void> => {
  const html = await compiler.compile({ ...body, by: `${actor.kind} ${actor.id}` })
  refuseProblems(variableProblems(html, 'html').map((problem) => ({ ...problem, where: 'body' })))
}
