import type { Question, Term } from './question.ts'
import type { Part, Unit } from './units.ts'

/** Stems as words of mail are indexed with them. */
export type Stems = {
  /** In every language that the word may be of. */
  readonly of: (written: string) => readonly string[]
  /** In one language; null if it has none. */
  readonly in: (language: string, written: string) => string | null
}

/** What a word of people or of the subject begins with where it is indexed once more, to be found there alone. */
export type Field = 'people:' | 'subject:'

/** Where a word is looked for: everywhere, or only in these fields. */
export type Where = 'everywhere' | readonly [Field, ...Field[]]

/**
 * How words are looked for. `loosely`: in any order, which an index can tell; it finds all that is asked for, and what
 * has the words of a phrase elsewhere.
 */
export type Sought = { readonly where: Where; readonly stems: Stems; readonly loosely: boolean }

/** As PostgreSQL reads a tsquery. */
export const queryOf = (question: Question, sought: Sought): string =>
  anyOf(
    question.map((terms) =>
      allOf(
        terms
          // Without order, too much would be excluded.
          .filter((term) => !(sought.loosely && term.excluded && hasOrder(term)))
          .map((term) => `${term.excluded ? '!' : ''}${termQuery(term, sought)}`),
      ),
    ),
  )

const hasOrder = ({ exact, units }: Term): boolean => exact || units.some(({ parts }) => parts.length > 1)

export const allOf = (queries: readonly string[]): string => `(${queries.join(' & ')})`
export const anyOf = (queries: readonly string[]): string => `(${queries.join(' | ')})`
/** A word by itself, such as one that stands for an account. */
export const wordQuery = (word: string): string => lexeme(word, 'everywhere', false)

/** That a person has these names or addresses, in the header that `as` names. */
export const personQuery = (typed: readonly Unit[], as: 'from' | 'to'): string =>
  allOf(
    typed.flatMap((unit) =>
      namesOf(unit).map((words) => anyOf(words.map((word) => wordQuery(`${as}:${word}`)))),
    ),
  )

const namesOf = (unit: Unit): (readonly string[])[] =>
  unit.wholes.length > 0 ? [unit.wholes] : elementsOf(unit.parts).map(({ words }) => words)

const termQuery = ({ exact, prefix, units }: Term, sought: Sought): string => {
  if (!exact)
    return allOf(units.map((unit, nth) => unitQuery(unit, prefix && nth === units.length - 1, sought)))
  const [first] = units
  const phrase = phraseQuery(
    units.flatMap(({ parts }) => parts),
    false,
    sought,
  )
  const whole = first && units.length === 1 ? first.wholes : []
  return anyOf([...whole.map((word) => lexeme(word, sought.where, false)), phrase])
}

const unitQuery = ({ parts, wholes }: Unit, prefix: boolean, sought: Sought): string => {
  const { where, stems } = sought
  const whole = wholes.map((word) => lexeme(word, where, prefix))
  // An address or a domain is nothing else; a compound may also be written as two words.
  if (/[.@]/.test(wholes[0] ?? '')) return anyOf(whole)
  const [only] = parts
  const written = parts.length === 1 && !prefix ? only?.written : null
  const related = (written ? stems.of(written) : []).map((stem) => lexeme(stem, where, false))
  return anyOf([...whole, phraseQuery(parts, prefix, sought), ...related])
}

/** Words at places in the order of a text. */
type Element = { readonly place: number; readonly words: readonly string[] }

/** Of a script without spaces, every two characters that stand together. */
const elementsOf = (parts: readonly Part[]): Element[] =>
  parts.flatMap((part, place) => {
    const isPair = part.written === null && part.also.length > 0
    if (isPair) return [{ place, words: part.also }]
    const before = parts[place - 1]
    // Seen with the character before it.
    if (before && before.written === null && before.also.length > 0) return []
    return [{ place, words: [part.word, ...part.also] }]
  })

const phraseQuery = (parts: readonly Part[], prefix: boolean, { where, loosely }: Sought): string => {
  const elements = elementsOf(parts)
  return `(${elements
    .map(({ place, words }, nth) => {
      const distance = place - (elements[nth - 1]?.place ?? place)
      const any = anyOf(words.map((word) => lexeme(word, where, prefix && nth === elements.length - 1)))
      return nth === 0 ? any : ` ${loosely ? '&' : `<${distance}>`} ${any}`
    })
    .join('')})`
}

const lexeme = (word: string, where: Where, prefix: boolean): string => {
  const quoted = (written: string): string => `'${written.replaceAll("'", "''")}'${prefix ? ':*' : ''}`
  return where === 'everywhere' ? quoted(word) : anyOf(where.map((field) => quoted(field + word)))
}
