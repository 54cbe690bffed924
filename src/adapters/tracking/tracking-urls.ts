const OPEN = '/t/o/'
const CLICK = '/t/c/'

/** URLs under the tracking host, which is given as an origin such as `https://track.example.com`. */
export const openUrl = (trackingUrl: string, token: string): string =>
  new URL(trackingUrl).origin + OPEN + token
export const clickUrl = (trackingUrl: string, token: string): string =>
  new URL(trackingUrl).origin + CLICK + token

/** What stands where a token does, at whatever host: it is ours where it can be read. Null where nothing does. */
export const openToken = (url: string): string | null => tokenIn(url, OPEN)
export const clickToken = (url: string): string | null => tokenIn(url, CLICK)

const tokenIn = (url: string, path: string): string | null => {
  const { protocol, pathname } = URL.parse(url.trim()) ?? { protocol: '', pathname: '' }
  return /^https?:$/.test(protocol) && pathname.startsWith(path) ? pathname.slice(path.length) : null
}
