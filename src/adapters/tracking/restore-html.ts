import type { TrackingTokens } from '../../commands/ports/tracking.ts'
import { attributeText, readHtml, splice } from './read-html.ts'
import { isPixel, linkIn, mayHaveOurs } from './tracking-urls.ts'

/** Much more than we track, to allow for a conversation that quotes us. Larger HTML takes too long to read. */
const LIMIT_CHARACTERS = 8 * 1024 * 1024

/**
 * Takes our pixels out of HTML and gives our links their destinations back, for mail that is shown to our own people
 * or quoted by them, whatever the address that it was tracked under. Other bytes stay.
 */
export const restoreHtml = (html: string, tokens: TrackingTokens): string => {
  if (!mayHaveOurs(html) || html.length > LIMIT_CHARACTERS) return html
  const page = readHtml(html)
  const changes: { at: { start: number; end: number }; text: string }[] = []
  for (const { href, value } of page.anchors) {
    const token = linkIn(value, tokens)
    if (token) changes.push({ at: href, text: `href="${attributeText(token.url)}"` })
  }
  for (const { tag, src } of page.images) if (isPixel(src, tokens)) changes.push({ at: tag, text: '' })
  changes.sort((one, other) => one.at.start - other.at.start)
  return splice(html, changes)
}
