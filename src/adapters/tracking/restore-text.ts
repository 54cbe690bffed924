import type { TrackingTokens } from '../../commands/ports/tracking.ts'
import { clickToken, openToken } from './tracking-urls.ts'

const OURS = /https?:\/\/[^\s/<>"']{1,260}\/t\/[oc]\/[\w-]+/gi

/**
 * The same as `restoreHtml` for plain text, in which mail programs write out the links of what they quote, and some its
 * pictures too.
 */
export const restoreText = (text: string, tokens: TrackingTokens): string =>
  text.replaceAll(OURS, (url) => {
    const click = clickToken(url)
    if (click !== null) return tokens.readClick(click)?.url ?? url
    const open = openToken(url)
    return open !== null && tokens.readOpen(open) ? '' : url
  })
