import { decodeBytes } from './charsets.ts'
import { textOfHtml } from './text-of-html.ts'

/** A displayed text part. Parts with the same `group` say the same in different forms (multipart/alternative). */
export type ShownText = {
  readonly group: object
  readonly html: boolean
  readonly bytes: Buffer
  readonly charset: string
  readonly flowed: boolean
  readonly deleteSpaces: boolean
}

/** Rejoins lines of running text that were broken for sending, each within its depth of quotation (RFC 3676 4). */
const unflowed = (text: string, deleteSpaces: boolean): string => {
  const lines: string[] = []
  let openDepth = -1
  for (const line of text.split('\n')) {
    const [, quote = '', stuffed = ''] = /^(>*)([^]*)$/.exec(line) ?? []
    const words = stuffed.replace(/^ /, '')
    const flows = words.endsWith(' ') && words !== '-- '
    const content = flows && deleteSpaces ? words.slice(0, -1) : words
    if (openDepth === quote.length && words !== '-- ') lines[lines.length - 1] += content
    else lines.push(quote === '' ? content : content === '' ? quote : `${quote} ${content}`)
    openDepth = flows ? quote.length : -1
  }
  return lines.join('\n')
}

const META_CHARSET = /<meta\b[^>]{0,200}\bcharset\s*=\s*["']?([\w:.-]{1,40})/i

/** The text of a part with LF line endings, including the last line. */
const textOf = ({ html, bytes, charset, flowed, deleteSpaces }: ShownText, around: string): string => {
  const meta = html && charset === '' ? META_CHARSET.exec(bytes.toString('latin1', 0, 2048))?.[1] : undefined
  const decoded = decodeBytes(bytes, charset || (meta ?? ''), around).replace(/(?<!\r)\r*\n/g, '\n')
  const text = flowed ? unflowed(decoded, deleteSpaces) : decoded
  return text.endsWith('\n') ? text : `${text}\n`
}

const SIGNS: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const htmlOf = (text: string): string =>
  `<div>${text.replace(/[&<>]/g, (sign) => SIGNS[sign] ?? sign).replaceAll('\n', '<br>\n')}</div>\n`

/**
 * What a mail says, as text and as HTML; a part that exists in only one form is converted where the other is needed.
 */
export const bodyTexts = (
  parts: readonly ShownText[],
  around: string,
): { text: string | null; html: string | null } => {
  const groups = [...Map.groupBy(parts, ({ group }) => group).values()].map((each) => ({
    plain: each.filter(({ html }) => !html).map((part) => textOf(part, around)),
    html: each.filter(({ html }) => html).map((part) => textOf(part, around)),
  }))
  const hasText = groups.some(({ plain }) => plain.length > 0)
  const hasHtml = groups.some(({ html }) => html.length > 0)
  return {
    text: hasText
      ? groups.flatMap(({ plain, html }) => (plain.length > 0 ? plain : html.map(textOfHtml))).join('\n')
      : null,
    html: hasHtml
      ? groups.flatMap(({ plain, html }) => (html.length > 0 ? html : plain.map(htmlOf))).join('\n')
      : null,
  }
}
