import { classesOf, tokensOf, type Span, type Tag } from '../templates/html-tokens.ts'

/**
 * The outermost quotations in a reply: block quotes and whatever mail programs mark as quoted. If the end tags do not
 * match, everything after the first quotation counts as quoted: strangers' words must never be taken for ours.
 */
export const quotationsIn = (html: string): Span[] => {
  const spans: Span[] = []
  let open: { name: string; start: number; depth: number } | null = null
  for (const token of tokensOf(html)) {
    if (token.kind !== 'start' && token.kind !== 'end') continue
    if (open) {
      if (token.name !== open.name) continue
      open.depth += token.kind === 'start' ? 1 : -1
      if (open.depth > 0) continue
      spans.push({ start: open.start, end: token.end })
      open = null
    } else if (token.kind === 'start' && isQuotation(html, token)) {
      open = { name: token.name, start: token.start, depth: 1 }
    } else if (token.kind === 'end' && token.name === 'blockquote' && spans[0]) {
      return [{ start: spans[0].start, end: html.length }]
    }
  }
  return open ? [...spans, { start: open.start, end: html.length }] : spans
}

/** Marked by us, Gmail, Thunderbird and Yahoo. */
const MARKS = new Set([
  'mailtrail-quote',
  'gmail_quote',
  'gmail_quote_container',
  'moz-cite-prefix',
  'yahoo_quoted',
])

const isQuotation = (html: string, tag: Tag): boolean =>
  tag.name === 'blockquote' || classesOf(html, tag.attributes).some((name) => MARKS.has(name))

/** Where the quotation at the end of the text begins; null if our own words come last. */
export const startOfTrailingQuotation = (html: string, quotations: readonly Span[]): number | null => {
  let start: number | null = null
  for (const quotation of quotations.toReversed()) {
    const behind = start ?? html.length
    const between = tokensOf(html.slice(quotation.end, behind))
    if (
      between.some(
        ({ kind, start: from, end }) =>
          kind === 'text' && isInk(html.slice(quotation.end + from, quotation.end + end)),
      )
    )
      return start
    start = quotation.start
  }
  return start
}

const isInk = (text: string): boolean => text.replaceAll(/&nbsp;|\s/g, '') !== ''
