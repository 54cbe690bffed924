// Not parse5's tokenizer: it gives neither the place of an attribute's value nor its quotation mark, and drops repeated
// attributes and unclosed tags, where no variable may be. The tests of render.ts compare the two.

/**
 * A token of HTML, as browsers tokenize it (WHATWG HTML 13.2.5). Offsets count UTF-16 units in the source; `end` is
 * exclusive. `raw` is the content of an element that holds text and no tags.
 */
export type Token =
  | { readonly kind: 'text' | 'comment'; readonly start: number; readonly end: number }
  | { readonly kind: 'raw'; readonly start: number; readonly end: number; readonly element: string }
  | Tag

export type Tag = {
  readonly kind: 'start' | 'end'
  readonly start: number
  readonly end: number
  readonly name: string
  readonly attributes: readonly Attribute[]
}

export type Span = { readonly start: number; readonly end: number }

/**
 * Name in lower case; `start` and `end` are those of the value, without quotation marks. `quote` is '' if there is
 * none.
 */
export type Attribute = {
  readonly name: string
  readonly quote: '"' | "'" | ''
  readonly start: number
  readonly end: number
}

/** Their content ends only with their own end tag. In `title` and `textarea` character references are still decoded. */
const RAW_ELEMENTS = new Set([
  'style',
  'script',
  'xmp',
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'title',
  'textarea',
])

const SPACE = /[\t\n\f\r ]/
const LETTER = /[a-z]/i

/**
 * Divides HTML into tokens without gaps. What a browser drops, such as an unclosed tag, is still a token here. Foreign
 * content (svg, math) is tokenized like HTML.
 */
export const tokensOf = (html: string): Token[] => {
  const tokens: Token[] = []
  let text = 0
  let at = 0
  const flush = (end: number): void => {
    if (end > text) tokens.push({ kind: 'text', start: text, end })
  }
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) break
    const token = tokenAt(html, open)
    if (!token) {
      at = open + 1
      continue
    }
    flush(open)
    tokens.push(token)
    at = token.end
    if (token.kind === 'start' && (RAW_ELEMENTS.has(token.name) || token.name === 'plaintext')) {
      const end = token.name === 'plaintext' ? html.length : endOfRaw(html, at, token.name)
      if (end > at) tokens.push({ kind: 'raw', element: token.name, start: at, end })
      at = end
    }
    text = at
  }
  flush(html.length)
  return tokens
}

const tokenAt = (html: string, open: number): Token | null => {
  const next = html.charAt(open + 1)
  if (LETTER.test(next)) return tagAt(html, open, 'start', open + 1)
  if (next === '/') {
    const after = html.charAt(open + 2)
    if (LETTER.test(after)) return tagAt(html, open, 'end', open + 2)
    return after === '' ? null : { kind: 'comment', start: open, end: behind(html, '>', open + 2) }
  }
  if (html.startsWith('<!--', open))
    return { kind: 'comment', start: open, end: endOfComment(html, open + 4) }
  if (next === '!' || next === '?') return { kind: 'comment', start: open, end: behind(html, '>', open + 2) }
  return null
}

const behind = (html: string, what: string, from: number): number => {
  const found = html.indexOf(what, from)
  return found < 0 ? html.length : found + what.length
}

const endOfComment = (html: string, from: number): number => {
  if (html.startsWith('>', from)) return from + 1
  if (html.startsWith('->', from)) return from + 2
  const end = /--!?>/g
  end.lastIndex = from
  return end.exec(html) ? end.lastIndex : html.length
}

const endOfRaw = (html: string, from: number, element: string): number => {
  const end = new RegExp(`</${element}(?=[\\t\\n\\f\\r />])`, 'gi')
  end.lastIndex = from
  return end.exec(html)?.index ?? html.length
}

const tagAt = (html: string, start: number, kind: 'start' | 'end', nameStart: number): Tag => {
  let at = skipTo(html, nameStart, /[\t\n\f\r />]/g)
  const name = html.slice(nameStart, at).toLowerCase()
  const attributes: Attribute[] = []
  for (;;) {
    at = skipTo(html, at, /[^\t\n\f\r /]/g)
    if (at >= html.length) return { kind, start, end: html.length, name, attributes }
    if (html[at] === '>') return { kind, start, end: at + 1, name, attributes }
    const attribute = attributeAt(html, at)
    attributes.push(attribute)
    at = attribute.end + attribute.quote.length
  }
}

const attributeAt = (html: string, start: number): Attribute => {
  // A leading equals sign belongs to the name.
  const nameEnd = skipTo(html, start + 1, /[\t\n\f\r />=]/g)
  const name = html.slice(start, nameEnd).toLowerCase()
  const equals = skipTo(html, nameEnd, /[^\t\n\f\r ]/g)
  if (html[equals] !== '=') return { name, quote: '', start: nameEnd, end: nameEnd }
  const value = skipTo(html, equals + 1, /[^\t\n\f\r ]/g)
  const quote = html[value]
  if (quote === '"' || quote === "'") {
    const end = html.indexOf(quote, value + 1)
    return { name, quote, start: value + 1, end: end < 0 ? html.length : end }
  }
  if (quote === '>' || quote === undefined) return { name, quote: '', start: value, end: value }
  return { name, quote: '', start: value, end: skipTo(html, value, /[\t\n\f\r >]/g) }
}

const skipTo = (html: string, from: number, what: RegExp): number => {
  what.lastIndex = from
  return what.exec(html)?.index ?? html.length
}

/** The words of an element's `class`, as written. */
export const classesOf = (html: string, attributes: readonly Attribute[]): string[] => {
  const found = attributes.find((attribute) => attribute.name === 'class')
  return found ? html.slice(found.start, found.end).split(SPACE).filter(Boolean) : []
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
}

/** Decodes numeric character references and the six most common named ones; others stay. */
export const decodeReferences = (text: string): string =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi,
    (whole, decimal, hex, named) => {
      if (typeof named === 'string') return ENTITIES[named.toLowerCase()] ?? whole
      const code =
        typeof decimal === 'string' ? Number.parseInt(decimal, 10) : Number.parseInt(String(hex), 16)
      return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
        ? String.fromCodePoint(code)
        : whole
    },
  )
