import { refuseProblems, variableProblems } from '../../domain/templates/render.ts'
import type { TemplateContent } from '../../domain/templates/events.ts'
import type { TemplateCompiler } from '../ports/template-compiler.ts'

/**
 * Compiles a body, and refuses it where it cannot be compiled, runs code, or has a variable where no value could be
 * written: in MJML that shows only in the HTML that comes of it.
 */
export const admitBody = async (compiler: TemplateCompiler, body: TemplateContent['body']): Promise<void> => {
  const html = await compiler.compile(body)
  refuseProblems(variableProblems(html, 'html').map((problem) => ({ ...problem, where: 'body' })))
}
