import type { TrackingTokens } from '../../commands/ports/tracking.ts'
import { attributeText, readHtml, splice } from './read-html.ts'
import { clickToken, openToken } from './tracking-urls.ts'

/** Much more than we track, to allow for a conversation that quotes us. Larger HTML takes too long to read. */
const LIMIT_CHARACTERS = 8 * 1024 * 1024

/** Whether it has to be read at all: it may have pixels or links of ours. */
export const mayHaveOurs = (html: string): boolean =>
  /\/t\/[oc]\//.test(html) && html.length <= LIMIT_CHARACTERS

/**
 * Takes our pixels out of HTML and gives our links their destinations back, for mail that is shown to our own people
 * or quoted by them, whatever the address that it was tracked under. Other bytes stay.
 */
export const restoreHtml = (html: string, tokens: TrackingTokens): string => {
  if (!mayHaveOurs(html)) return html
  const page = readHtml(html)
  const changes: { at: { start: number; end: number }; text: string }[] = []
  for (const { href, value } of page.anchors) {
    const text = clickToken(value)
    const token = text === null ? null : tokens.readClick(text)
    if (token) changes.push({ at: href, text: `href="${attributeText(token.url)}"` })
  }
  for (const { tag, src } of page.images) {
    const text = openToken(src)
    if (text !== null && tokens.readOpen(text)) changes.push({ at: tag, text: '' })
  }
  changes.sort((one, other) => one.at.start - other.at.start)
  return splice(html, changes)
}
