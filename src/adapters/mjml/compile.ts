import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TemplateCompiler } from '../../commands/ports/template-compiler.ts'
import { defineRefusal, type Refused } from '../../domain/refusal.ts'
import { refuseProblems, variableProblems } from '../../domain/templates/render.ts'
import type { CompileResult, CompileTask } from './messages.ts'
import { unsafeMarkup, type UnsafeMarkup } from './unsafe-markup.ts'

/** How many compiled bodies are cached, least recently used dropped first; large ones are not worth the memory. */
const CACHE_SIZE = 100
const CACHED_LENGTH = 200_000
/** Includes loading MJML, about a second. */
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
 * Compiles and checks bodies in a worker thread, which starts with the first one and is replaced when a body exceeds
 * its time or memory limit.
 */
export const templateCompiler = (options: { readonly timeLimitMs?: number } = {}): TemplateCompiler => {
  const timeLimitMs = options.timeLimitMs ?? TIME_LIMIT_MS
  const cache = new Map<string, string>()
  let worker: Worker | null = null
  let before: Promise<unknown> = Promise.resolve()
  let tasks = 0

  const run = async (task: CompileTask): Promise<CompileResult> => {
    worker ??= startWorker()
    const running = worker
    const outcome = await answerOf(running, task, timeLimitMs)
    if (outcome) return outcome
    worker = null
    await running.terminate()
    throw templateTooComplex()
  }

  return {
    compile: async ({ format, source }) => {
      const key = createHash('sha256').update(`${format}\n${source}`).digest('base64')
      const known = cache.get(key)
      if (known !== undefined) {
        cache.delete(key)
        cache.set(key, known)
        return known
      }
      // One at a time, so that each has the time limit to itself.
      const turn = before.then(() => run({ id: ++tasks, format, source }))
      before = turn.catch(() => undefined)
      const html = compiledHtml(await turn)
      if (html.length <= CACHED_LENGTH) cache.set(key, html)
      if (cache.size > CACHE_SIZE) for (const oldest of cache.keys().take(1)) cache.delete(oldest)
      return html
    },
    close: async () => {
      await before
      await worker?.terminate()
      worker = null
    },
  }
}

const startWorker = (): Worker => {
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB },
  })
  // An idle worker must not keep the process alive; whoever waits for an answer sees a failure.
  worker.unref()
  worker.on('error', () => undefined)
  return worker
}

/** Null if there was no answer in time, or the thread died. */
const answerOf = async (
  worker: Worker,
  task: CompileTask,
  timeLimitMs: number,
): Promise<CompileResult | null> => {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), timeLimitMs)
  // Both also end with an error of the thread, such as running out of memory.
  const answered = once(worker, 'message', { signal: over.signal }).then(
    ([result]) => result as CompileResult,
  )
  const died = once(worker, 'exit', { signal: over.signal }).then(() => null)
  worker.postMessage(task, [])
  const [outcome] = await Promise.allSettled([Promise.race([answered, died])])
  clearTimeout(timer)
  over.abort()
  await Promise.allSettled([answered, died])
  return outcome.status === 'fulfilled' ? outcome.value : null
}

const compiledHtml = (result: CompileResult): string => {
  switch (result.outcome) {
    case 'compiled':
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
