const OPEN = '/t/o/'
const CLICK = '/t/c/'

/** URLs under the tracking host, given as an origin such as `https://track.example.com`. */
export const openUrl = (trackingUrl: string, token: string): string => originOf(trackingUrl) + OPEN + token
export const clickUrl = (trackingUrl: string, token: string): string => originOf(trackingUrl) + CLICK + token

/** The token in one of our URLs; null for any other URL. */
export const openToken = (trackingUrl: string, url: string): string | null =>
  behind(originOf(trackingUrl) + OPEN, url)
export const clickToken = (trackingUrl: string, url: string): string | null =>
  behind(originOf(trackingUrl) + CLICK, url)

const originOf = (trackingUrl: string): string => new URL(trackingUrl).origin

const behind = (start: string, url: string): string | null =>
  url.startsWith(start) ? url.slice(start.length) : null
