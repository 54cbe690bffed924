import { createHash } from 'node:crypto'
import type { TemplateCompiler } from '../../commands/ports/template-compiler.ts'
import { defineRefusal, type Refused } from '../../domain/refusal.ts'
import { refuseProblems, variableProblems } from '../../domain/templates/render.ts'
import { threadPool, ThreadLost } from '../../std/thread-pool.ts'
import type { CompileResult, CompileTask } from './messages.ts'
import { unsafeMarkup, type UnsafeMarkup } from './unsafe-markup.ts'

/** How many compiled bodies are cached, least recently used dropped first; large ones are not worth the memory. */
const CACHE_SIZE = 100
const CACHED_LENGTH = 200_000
const THREADS = 2
/** Processor time; includes loading MJML, about a second. */
const TIME_LIMIT_MS = 10_000
const MEMORY_LIMIT_MB = 256

const templateTooComplex = defineRefusal('template-too-complex', {
  title: 'Template too complex',
  meaning: 'Compiling the body takes too much time or memory.',
  remedy: 'Make it smaller, or nest its elements less deeply.',
})
const templateInvalid = defineRefusal('template-invalid', {
  title: 'Invalid template',
  meaning: 'The MJML has errors; `details.errors` lists each with its line.',
  remedy: 'Correct the errors; https://documentation.mjml.io describes the elements and attributes of MJML.',
})
const unsafeMarkupFound = defineRefusal('unsafe-markup', {
  title: 'Unsafe markup',
  meaning: 'Email must not contain code, but the body does; `details.found` lists what was found.',
  remedy: 'Remove scripts, event handler attributes, nested documents and links that run scripts.',
})

/**
 * Compiles and checks bodies in threads, which start with the first one. A body that exceeds its time or memory limit
 * costs its thread and nothing else.
 */
export const templateCompiler = (options: { readonly timeLimitMs?: number } = {}): TemplateCompiler => {
  const threads = threadPool<CompileTask, CompileResult>(new URL('worker.ts', import.meta.url), {
    threads: THREADS,
    timeMs: options.timeLimitMs ?? TIME_LIMIT_MS,
    memoryMb: MEMORY_LIMIT_MB,
  })
  const cache = new Map<string, string>()

  const run = async (task: CompileTask, by: string): Promise<string> => {
    try {
      return htmlOf(await threads.run(() => ({ task, buffers: [] }), { by }))
    } catch (error) {
      if (error instanceof ThreadLost) throw templateTooComplex()
      throw error
    }
  }

  return {
    compile: async ({ format, source, by = '' }) => {
      const key = createHash('sha256').update(`${format}\n${source}`).digest('base64')
      const known = cache.get(key)
      if (known !== undefined) {
        cache.delete(key)
        cache.set(key, known)
        return known
      }
      const html = await run({ do: 'compile', format, source }, by)
      if (html.length <= CACHED_LENGTH) cache.set(key, html)
      if (cache.size > CACHE_SIZE) for (const oldest of cache.keys().take(1)) cache.delete(oldest)
      return html
    },
    withoutCode: (source) => run({ do: 'remove-code', source }, ''),
    close: () => threads.close(),
  }
}

const htmlOf = (result: CompileResult): string => {
  switch (result.outcome) {
    case 'done':
      return result.html
    case 'invalid': {
      const [first] = result.errors
      throw templateInvalid({
        detail: `The MJML has errors: ${first?.message ?? 'it cannot be parsed'}${lineOf(first?.line ?? null)}`,
        details: { errors: result.errors.map((error) => ({ ...error })) },
      })
    }
    case 'unsafe':
      throw unsafe(result.found)
  }
}

const lineOf = (line: number | null): string => (line === null ? '' : ` (line ${line})`)

const unsafe = (found: readonly UnsafeMarkup[]): Refused =>
  unsafeMarkupFound({
    detail: `Email must not contain code: ${found.map(({ what, line }) => `${what}${lineOf(line)}`).join(', ')}.`,
    details: { found: found.map((each) => ({ ...each })) },
  })

/**
 * For a signature, synchronously: what `compile` checks, and the variables.
 * @throws Refused
 */
export const checkSignature = (html: string): void => {
  const found = unsafeMarkup(html)
  if (found.length > 0) throw unsafe(found)
  const problems = variableProblems(html, 'html').map((problem) => ({
    ...problem,
    where: 'signature' as const,
  }))
  refuseProblems(problems)
}
