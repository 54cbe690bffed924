import { tokensOf, type Span, type Tag, type Token } from './html-tokens.ts'

/** Where a text will be: in a header, in a plain text part, or as HTML. */
export type Form = 'header' | 'text' | 'html'

/**
 * A range of a text in which values are written in the same way. `none` takes no value, for the reason in `why`; nor
 * does `style`, where braces are CSS.
 */
export type Region = Span &
  (
    | { readonly place: 'header' | 'plain' | 'text' | 'attribute' | 'references' | 'link' }
    | { readonly place: 'none' | 'style'; readonly why: string }
  )

/** Divides a text into regions that cover all of it. */
export const regionsOf = (source: string, form: Form): Region[] => {
  if (form !== 'html')
    return [{ start: 0, end: source.length, place: form === 'header' ? 'header' : 'plain' }]
  let opaque: string | null = null
  return tokensOf(source).flatMap((token): Region[] => {
    if (token.kind === 'start' && OPAQUE.has(token.name)) opaque ??= token.name
    if (opaque === null) return regionsOfToken(source, token)
    return [{ start: token.start, end: token.end, place: 'none', why: `in or after <${opaque}>` }]
  })
}

/** From here on mail programs disagree on what is text and what is a tag: no value may follow. */
const OPAQUE = new Set(['script', 'svg', 'math', 'noscript', 'plaintext', 'select', 'frameset'])

const regionsOfToken = (source: string, token: Token): Region[] => {
  const { start, end } = token
  if (token.kind === 'start' || token.kind === 'end') return regionsOfTag(token)
  if (token.kind === 'text') return [{ start, end, place: 'text' }]
  if (token.kind !== 'raw')
    return source.startsWith('<!--', start)
      ? [{ start, end, place: 'references' }]
      : [{ start, end, place: 'none', why: 'directly after <' }]
  if (token.element === 'title' || token.element === 'textarea') return [{ start, end, place: 'references' }]
  if (token.element === 'style') return [{ start, end, place: 'style', why: 'in <style>' }]
  return [{ start, end, place: 'none', why: `in <${token.element}>` }]
}

const regionsOfTag = (tag: Tag): Region[] => {
  const regions: Region[] = []
  const why = 'in a tag, outside a quoted attribute value'
  let at = tag.start
  for (const { name, quote, start, end } of tag.attributes) {
    regions.push({ start: at, end: start, place: 'none', why })
    regions.push({ start, end, ...placeIn(tag.name, name, quote) })
    at = end
  }
  regions.push({ start: at, end: tag.end, place: 'none', why })
  return regions
}

const LINKS = new Set(
  (
    'href src action formaction background poster cite data longdesc srcset ping manifest lowsrc dynsrc ' +
    'codebase xlink:href'
  ).split(' '),
)

type Place = Region extends infer Each ? (Each extends Span ? Omit<Each, keyof Span> : never) : never

const placeIn = (element: string, name: string, quote: string): Place => {
  if (quote === '') return { place: 'none', why: 'in an attribute without quotation marks' }
  if (name === 'style' || name === 'srcdoc' || name.startsWith('on'))
    return { place: 'none', why: `in the attribute ${name}` }
  if (element === 'meta') return { place: 'none', why: 'in <meta>' }
  return { place: LINKS.has(name) ? 'link' : 'attribute' }
}

/**
 * A value as written at an offset of the source in this region; null if no value may be there. In a link, every
 * character that could end its part of the URL is encoded (RFC 3986 2.2).
 */
export const writeValue = (value: string, source: string, region: Region, at: number): string | null => {
  // Values are single lines. Control characters do not belong in them, and never in a header.
  const clean = value.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  switch (region.place) {
    case 'header':
    case 'plain':
      return clean
    case 'text':
    case 'attribute':
      return escapeBehind(source.slice(region.start, at), clean)
    case 'references':
      // An empty value must not join its surroundings into the end of a comment.
      return clean === '' ? '&#32;' : clean.replaceAll(/^.|[^\p{L}\p{N}]/gsu, reference)
    case 'link': {
      const scheme = FIXED_LINK.exec(source.slice(region.start, at))?.groups
      return scheme
        ? escapeBehind(source.slice(region.start, at), inLink(clean, scheme['web'] !== undefined))
        : null
    }
    case 'none':
    case 'style':
      return null
  }
}

/** A value must not complete a character reference that precedes it, such as `&` or `&#6`. */
const escapeBehind = (before: string, value: string): string => {
  const [first = ''] = value
  return /&#?[a-z0-9]*$/i.test(before.slice(-40)) && first !== ''
    ? reference(first) + escapeHtml(value.slice(first.length))
    : escapeHtml(value)
}

/** What must precede a value in a link: a scheme, and for the web a complete host. */
const FIXED_LINK = /^\s*(?:(?<web>https?):\/\/[a-z0-9.:[\]-]+[/?#]|(?:mailto|tel|sms):)/i

const inLink = (value: string, web: boolean): string => {
  const encoded = encodeURIComponent(value)
  return web ? encoded : encoded.replaceAll('%40', '@').replaceAll('%2B', '+')
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** HTML that shows the text, both in text and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"'`]/g, (character) => REFERENCES[character] ?? character)

const reference = (character: string): string => `&#${character.codePointAt(0)};`
