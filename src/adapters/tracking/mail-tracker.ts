import type { MailTracker, TrackingTokens } from '../../commands/ports/tracking.ts'
import { restoreHtml } from './restore-html.ts'
import { rewriteHtml } from './rewrite-html.ts'
import { clickUrl, openUrl } from './tracking-urls.ts'

/** Tracks copies of emails, with tokens for the host of `trackingUrl` (an origin). */
export const mailTracker = (tokens: TrackingTokens, trackingUrl: string): MailTracker => ({
  track: (html, { outgoingId, recipient, opens, clicks }) =>
    rewriteHtml(html, {
      trackingHost: new URL(trackingUrl).host,
      pixelUrl: opens ? openUrl(trackingUrl, tokens.sealOpen({ outgoingId, recipient })) : null,
      linkUrl: clicks
        ? ({ index, url }) =>
            clickUrl(trackingUrl, tokens.sealClick({ outgoingId, recipient, link: index, url }))
        : null,
    }),
  untrack: (html) => restoreHtml(html, trackingUrl, tokens),
})
