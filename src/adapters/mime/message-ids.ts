import { decodeWords } from './encoded-words.ts'
import { oneLine, storable } from './text.ts'
import { withoutComments } from './comments.ts'

/** More ids than any thread needs; the first names its start, the last the mail that is replied to. */
const MAX_IDS = 100

const BRACKETED = /<([^<>]{1,2000})>/g

/** The text in brackets, without the folding that some servers add to long ids; '' if it has no domain. */
const idOf = (bracketed: string): string => {
  const id = storable(bracketed.replace(/\s+/g, ''))
  return id.length <= 998 && /^[^@]+@.*[^@]$/.test(id) ? id : ''
}

const distinct = (ids: readonly string[]): string[] => {
  const unique = [...new Set(ids)].filter((id) => id !== '')
  return unique.length <= MAX_IDS ? unique : [...unique.slice(0, 1), ...unique.slice(1 - MAX_IDS)]
}

const readable = (value: string): string => withoutComments(decodeWords(value))

/** The Message-IDs in References (RFC 5322 3.6.4), without angle brackets; everything else is ignored. */
export const referencesIn = (value: string): string[] =>
  distinct([...readable(value).matchAll(BRACKETED)].map(([, id = '']) => idOf(id)))

/**
 * The Message-IDs in In-Reply-To. Old programs wrote a sentence there, with a person's address in brackets (`Message
 * from Ann <ann@example.org> of Monday`): only what precedes the first word counts.
 */
export const inReplyToIn = (value: string): string[] =>
  referencesIn(/^[\s,;]*(?:<[^<>]*>[\s,;]*)*/.exec(readable(value))?.[0] ?? '')

/** The id of a mail or a part, as well as it can be read, with or without brackets; '' if there is none. */
export const idIn = (value: string): string => {
  const text = readable(value)
  const bracketed = /<([^<>]{1,2000})>/.exec(text)?.[1] ?? text.replace(/^\s*<|>\s*$/g, '')
  return oneLine(bracketed, 998).replaceAll(' ', '')
}
