import type { ClickToken, TrackingTokens } from '../../commands/ports/tracking.ts'

const OPEN = '/t/o/'
const CLICK = '/t/c/'

/** URLs under the tracking host, which is given as an origin such as `https://track.example.com`. */
export const openUrl = (trackingUrl: string, token: string): string =>
  new URL(trackingUrl).origin + OPEN + token
export const clickUrl = (trackingUrl: string, token: string): string =>
  new URL(trackingUrl).origin + CLICK + token

type Readers = Pick<TrackingTokens, 'readOpen' | 'readClick'>

/**
 * What a URL of ours says, at whatever host: it is ours where its token can be read. Null for all others. Mail systems
 * that check links put them into URLs of their own (Safe Links, URL Defense), and proxies do so with pictures: these are
 * ours too.
 */
export const linkIn = (url: string, tokens: Readers): ClickToken | null =>
  firstRead(url, /https?:\/\/[^\s/]{1,260}\/t\/c\/([\w-]+)/gi, tokens.readClick)
export const isPixel = (url: string, tokens: Readers): boolean =>
  firstRead(url, /https?:\/\/[^\s/]{1,260}\/t\/o\/([\w-]+)/gi, tokens.readOpen) !== null

/** Whether there may be URLs of ours in a text: a quick look. */
export const mayHaveOurs = (text: string): boolean => /(?:\/|%(?:25)?2f)t(?:\/|%(?:25)?2f)[oc]/i.test(text)

const firstRead = <Token>(url: string, ours: RegExp, read: (token: string) => Token | null): Token | null => {
  if (!mayHaveOurs(url)) return null
  // One who checks may wrap what another has wrapped before.
  for (const written of [url, decoded(url), decoded(decoded(url))])
    for (const [, token = ''] of written.matchAll(ours)) {
      // URL Defense ends what it wraps by underscores.
      const found = read(token) ?? read(token.replace(/_+$/, ''))
      if (found !== null) return found
    }
  return null
}

const decoded = (url: string): string => {
  try {
    return decodeURIComponent(url)
  } catch {
    // A stray percent sign.
    return url
  }
}
