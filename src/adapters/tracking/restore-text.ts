import type { TrackingTokens } from '../../commands/ports/tracking.ts'
import { isPixel, linkIn, mayHaveOurs } from './tracking-urls.ts'

const URLS = /https?:\/\/[^\s<>"']+/gi
/** Behind a URL they belong to the text. */
const SIGNS = ')]},.;:!?*'

/**
 * The same as `restoreHtml` for plain text, in which mail programs write out the links of what they quote, and some its
 * pictures too.
 */
export const restoreText = (text: string, tokens: TrackingTokens): string =>
  text.replaceAll(URLS, (written) => {
    if (!mayHaveOurs(written)) return written
    let end = written.length
    while (SIGNS.includes(written[end - 1] ?? '-')) end--
    const [url, behind] = [written.slice(0, end), written.slice(end)]
    return isPixel(url, tokens) ? behind : `${linkIn(url, tokens)?.url ?? url}${behind}`
  })
