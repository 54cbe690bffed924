import { unitsIn, type Unit } from './units.ts'

/**
 * What is to be found together. `exact`: words next to each other as they are written, and none that are related.
 * `prefix`: the last word is only begun.
 */
export type Term = {
  readonly excluded: boolean
  readonly exact: boolean
  readonly prefix: boolean
  readonly units: readonly Unit[]
}

/** One of the alternatives must be found: all of its terms that are not excluded, and none that are. */
export type Question = readonly (readonly Term[])[]

const TOKENS = /(?<excluded>-?)"(?<phrase>[^"]*)"?|(?<word>\S+)/g

/**
 * Reads what people type: words, of which all must be there; `"a phrase"`; `-excluded`; `or` between alternatives;
 * `begun*`. Everything else is punctuation.
 */
export const readQuestion = (typed: string): Question => {
  const alternatives: Term[][] = [[]]
  for (const { groups } of typed.matchAll(TOKENS)) {
    const { excluded = '', phrase, word = '' } = groups ?? {}
    if (word.toLowerCase() === 'or') alternatives.push([])
    else
      alternatives.at(-1)?.push(...(phrase === undefined ? termOf(word) : phraseOf(phrase, excluded === '-')))
  }
  return alternatives.filter((terms) => terms.length > 0)
}

const phraseOf = (phrase: string, excluded: boolean): Term[] => {
  const units = unitsIn(phrase)
  return units.length === 0 ? [] : [{ excluded, exact: true, prefix: false, units }]
}

const termOf = (word: string): Term[] => {
  const units = unitsIn(word)
  if (units.length === 0) return []
  return [{ excluded: word.startsWith('-'), exact: false, prefix: word.endsWith('*'), units }]
}

/** Whether something must be there for the question to be answered, and not only be missing. */
export const asksForSomething = (question: Question): boolean =>
  question.length > 0 && question.every((terms) => terms.some(({ excluded }) => !excluded))

/** How many words it has. */
export const wordCount = (question: Question): number =>
  question.flat().reduce((sum, { units }) => sum + units.length, 0)
