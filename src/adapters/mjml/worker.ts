import { z } from 'zod'
import { workInThread } from '../../std/thread-work.ts'
import type { CompileResult, CompileTask, MarkupError } from './messages.ts'
import { unsafeMarkup, withoutCode } from './unsafe-markup.ts'

/** More would not be useful. */
const ERRORS_SHOWN = 20

const work = async (task: CompileTask): Promise<CompileResult> => {
  if (task.do === 'remove-code') return { outcome: 'done', html: withoutCode(task.source) }
  const { format, source } = task
  const included = format === 'mjml' ? includesIn(source) : []
  if (included.length > 0) return { outcome: 'invalid', errors: included }
  const compiled = format === 'mjml' ? await compileMjml(source) : { html: source }
  if ('errors' in compiled) return { outcome: 'invalid', errors: compiled.errors }
  const found = unsafeMarkup(compiled.html)
  return found.length > 0
    ? { outcome: 'unsafe', found: found.slice(0, ERRORS_SHOWN) }
    : { outcome: 'done', html: compiled.html }
}

const includesIn = (source: string): MarkupError[] =>
  Array.from(source.matchAll(/<mj-include\b/gi), (match) => ({
    line: source.slice(0, match.index).split('\n').length,
    message: 'mj-include is not allowed: put the included content here instead',
  })).slice(0, ERRORS_SHOWN)

const validationError = z.object({
  errors: z.array(z.object({ line: z.number().nullish(), message: z.string() })),
})

const compileMjml = async (source: string): Promise<{ html: string } | { errors: MarkupError[] }> => {
  // Takes over a second to load, so only when a template needs it.
  const { default: mjml } = await import('mjml')
  try {
    const { html } = await mjml(source, {
      validationLevel: 'strict',
      ignoreIncludes: true,
      keepComments: false,
      // Without this, naming a common font would make every reader load it from Google.
      fonts: {},
    })
    return { html }
  } catch (error) {
    const parsed = validationError.safeParse(error)
    if (!parsed.success)
      return {
        errors: [
          { line: null, message: 'This is not MJML: it must be one <mjml> element with an <mj-body>' },
        ],
      }
    const errors = parsed.data.errors.map(({ line, message }) => ({ line: line ?? null, message }))
    const distinct = new Map(errors.map((each) => [`${each.line} ${each.message}`, each]))
    return { errors: [...distinct.values()].slice(0, ERRORS_SHOWN) }
  }
}

workInThread(work, () => [])
