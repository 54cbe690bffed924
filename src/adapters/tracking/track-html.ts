import type { CopyToTrack, TrackedHtml, TrackingTokens } from '../../commands/ports/tracking.ts'
import { rewriteHtml } from './rewrite-html.ts'
import { clickUrl, openUrl } from './tracking-urls.ts'

/** Tracks a copy of an email by URLs under `trackingUrl`, an origin. */
export const trackHtml = (
  html: string,
  { outgoingId, recipient, opens, clicks }: CopyToTrack,
  tokens: TrackingTokens,
  trackingUrl: string,
): TrackedHtml =>
  rewriteHtml(html, {
    trackingHost: new URL(trackingUrl).host,
    pixelUrl: opens ? openUrl(trackingUrl, tokens.sealOpen({ outgoingId, recipient })) : null,
    linkUrl: clicks
      ? ({ index, url }) =>
          clickUrl(trackingUrl, tokens.sealClick({ outgoingId, recipient, link: index, url }))
      : null,
  })
