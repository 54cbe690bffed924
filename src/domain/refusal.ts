import type { Json } from './event.ts'
import type { MailTrouble } from './mail-trouble.ts'

/**
 * A stable code with its explanation for people. Text between backticks is code. `trouble`: what a code of a mail system
 * says of the mailbox, from which the status of its account follows. `isConflict`: what was asked for was possible before.
 * `isForbidden`: whoever asks lacks the access that it takes.
 */
export type CodeDefinition = {
  readonly code: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly trouble?: MailTrouble
  readonly isConflict?: boolean
  readonly isForbidden?: boolean
}
export type CodeWords = Omit<CodeDefinition, 'code'>

/** What one occurrence says instead of the definition's own text, and what it adds for programs. */
export type Occasion = { readonly detail?: string; readonly remedy?: string; readonly details?: Json }

// The only module state: a list elsewhere would have to be kept in step with the definitions.
const defined = new Map<string, CodeDefinition>()

/** Every code of the loaded modules: all of them in a running service. */
export const definedCodes: ReadonlyMap<string, CodeDefinition> = defined

/**
 * Defines a code, once per process, beside the rule that uses it.
 * @throws Error if the code is taken
 */
export const defineCode = (code: string, words: CodeWords): CodeDefinition => {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code)) throw new Error(`The code ${code} is not in kebab-case`)
  if (defined.has(code)) throw new Error(`The code ${code} is defined twice`)
  const definition = { code, ...words }
  defined.set(code, definition)
  return definition
}

/** A rule of the product says no; nothing was changed. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  readonly remedy: string
  readonly details: Json

  constructor(definition: CodeDefinition, { detail, remedy, details = null }: Occasion = {}) {
    super(detail ?? definition.meaning)
    this.code = definition.code
    this.remedy = remedy ?? definition.remedy
    this.details = details
  }
}

export type RefusalDefinition = CodeDefinition & ((occasion?: Occasion) => Refused)

/** Defines a refusal. Calling it makes the error. */
export const defineRefusal = (code: string, words: CodeWords): RefusalDefinition => {
  const definition = defineCode(code, words)
  return Object.assign((occasion?: Occasion) => new Refused(definition, occasion), definition)
}

/** A bug, wherever it occurs. */
export const internalError = defineCode('internal', {
  title: 'Internal error',
  meaning: 'Something went wrong on our side.',
  remedy: 'Try again; if it keeps failing, tell the operator.',
})
