import { decodeBytes } from './charsets.ts'
import { decodeWords } from './encoded-words.ts'

/** A field such as `text/plain; charset=utf-8`: its value in lower case, its parameters by name. */
export type Structured = { readonly value: string; readonly params: ReadonlyMap<string, string> }

/** One parameter: a name and a value, quoted or not; an unquoted value ends at the semicolon and may contain spaces. */
const PARAMETER = /;[\s;]*([^\s=;"]+)\s*=\s*(?:"([^"\\]*(?:\\[^][^"\\]*)*)(?:"|$)|([^;]*))/g

/**
 * Reads a field with parameters (RFC 2045 5.1), with or without the first semicolon. The first of a name counts.
 * Brackets belong to the value: unquoted file names such as `offer (1).pdf` are more common than comments.
 */
export const structured = (field: string): Structured => {
  const value = /^[^\s;(]*/.exec(field)?.[0] ?? ''
  const params = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of `;${field.slice(value.length)}`.matchAll(PARAMETER)) {
    const key = name.toLowerCase()
    if (!params.has(key)) params.set(key, quoted?.replace(/\\(["\\])/g, '$1') ?? bare.trim())
  }
  return { value: value.toLowerCase(), params }
}

/** `%E2%82%AC` as bytes; anything that is not an escape stays. */
const unescaped = (text: string): Buffer =>
  Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  )

/** A parameter in any of its forms: in sections, with its charset (RFC 2231), or in encoded words; '' if missing. */
export const parameter = ({ params }: Structured, name: string, around: string): string => {
  const plain = params.get(name)
  const sections: { text: string; encoded: boolean }[] = []
  const whole = params.get(`${name}*`)
  if (whole !== undefined) sections.push({ text: whole, encoded: true })
  for (let number = 0; sections.length === number; number++) {
    const encoded = params.get(`${name}*${number}*`)
    const text = encoded ?? params.get(`${name}*${number}`)
    if (text !== undefined) sections.push({ text, encoded: encoded !== undefined })
  }
  if (sections.length === 0) return plain === undefined ? '' : decodeWords(plain, around)
  const [, charset = '', first] =
    (sections[0]?.encoded === true && /^([^']*)'[^']*'([^]*)$/.exec(sections[0].text)) || []
  const bytes = sections.map(({ text, encoded }, index) => {
    const written = index === 0 && first !== undefined ? first : text
    return encoded ? unescaped(written) : Buffer.from(written, 'utf8')
  })
  return decodeBytes(Buffer.concat(bytes), charset, around)
}
