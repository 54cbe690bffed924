import { oneLine } from './text.ts'

const LENGTH = 200
/** As much of a text as can matter for so few characters; newsletters use long padding. */
const LOOKED_AT = 20_000

/** The invisible characters that fill preview lines of newsletters, except those that hold emoji together. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}--\p{Variation_Selector}--\u{200d}]/gv

const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  zwnj: '',
  zwj: '',
}

const entity = (whole: string, name: string): string => {
  const code = /^#x[0-9a-f]{1,6}$/i.test(name)
    ? Number.parseInt(name.slice(2), 16)
    : /^#\d{1,7}$/.test(name)
      ? Number(name.slice(1))
      : -1
  if (code >= 0) return code <= 0x10ffff ? String.fromCodePoint(code) : ''
  return ENTITIES[name.toLowerCase()] ?? whole
}

/**
 * Where this tag ends, including everything it hides: comments, styles and scripts. Never looks back, so it is linear.
 */
const skipTag = (html: string, at: number): number => {
  const behind = (end: string): number => {
    const found = html.indexOf(end, at)
    return found === -1 ? html.length : found + end.length
  }
  if (html.startsWith('<!--', at)) return behind('-->')
  const hidden = /<(style|script|title)\b/iy
  hidden.lastIndex = at
  const name = hidden.exec(html)?.[1]
  if (name === undefined) return behind('>')
  const closing = new RegExp(`</${name}\\s*>`, 'gi')
  closing.lastIndex = at
  return closing.exec(html) === null ? html.length : closing.lastIndex
}

const visibleText = (html: string): string => {
  let text = ''
  let at = 0
  while (at < html.length && text.length < LOOKED_AT) {
    const tag = html.indexOf('<', at)
    const end = tag === -1 ? html.length : tag
    text += `${html.slice(at, Math.min(end, at + LOOKED_AT))} `
    at = tag === -1 ? html.length : skipTag(html, tag)
  }
  return text.replace(/&(#x?[0-9a-z]{1,7}|[a-z]{2,8});/gi, entity)
}

/** The beginning of a mail in one line of at most 200 characters. */
export const snippetOf = (text: string | null, html: string | null): string => {
  const source = text !== null && text.trim() !== '' ? text.slice(0, LOOKED_AT) : visibleText(html ?? '')
  return oneLine(source.replace(INVISIBLE, ''), LENGTH).trim()
}
