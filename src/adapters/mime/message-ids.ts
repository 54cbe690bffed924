import { decodeWords } from './encoded-words.ts'
import { oneLine, storable } from './text.ts'
import { withoutComments } from './comments.ts'

/** More ids than any thread needs; the first names where it began, the last what is answered. */
const MAX_IDS = 100

const BRACKETED = /<([^<>]{1,2000})>/g

/** What stands in the brackets, less the folding that some servers put into long ids; '' where it has no domain. */
const idOf = (bracketed: string): string => {
  const id = storable(bracketed.replace(/\s+/g, ''))
  return id.length <= 998 && /^[^@]+@.*[^@]$/.test(id) ? id : ''
}

const distinct = (ids: readonly string[]): string[] => {
  const unique = [...new Set(ids)].filter((id) => id !== '')
  return unique.length <= MAX_IDS ? unique : [...unique.slice(0, 1), ...unique.slice(1 - MAX_IDS)]
}

const readable = (value: string): string => withoutComments(decodeWords(value))

/** The Message-IDs of References (RFC 5322 3.6.4), without angle brackets: nothing else is one. */
export const referencesIn = (value: string): string[] =>
  distinct([...readable(value).matchAll(BRACKETED)].map(([, id = '']) => idOf(id)))

/**
 * The Message-IDs of In-Reply-To. Old programs wrote a sentence there, with the address of a person in brackets
 * (`Message from Ann <ann@example.org> of Monday`): only what stands before the first word counts.
 */
export const inReplyToIn = (value: string): string[] =>
  referencesIn(/^[\s,;]*(?:<[^<>]*>[\s,;]*)*/.exec(readable(value))?.[0] ?? '')

/** The id of a mail or of a part, as well as it can be read, brackets or not; '' where there is none. */
export const idIn = (value: string): string => {
  const text = readable(value)
  const bracketed = /<([^<>]{1,2000})>/.exec(text)?.[1] ?? text.replace(/^\s*<|>\s*$/g, '')
  return oneLine(bracketed, 998).replaceAll(' ', '')
}
