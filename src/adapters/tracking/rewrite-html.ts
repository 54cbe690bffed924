import type { TrackedHtml, TrackedLink } from '../../commands/ports/tracking.ts'
import { attributeText, readHtml, splice, type Anchor, type HtmlPage } from './read-html.ts'

/** `pixelUrl` and `linkUrl` are null if opens or clicks are not tracked. */
export type Rewriting = {
  readonly trackingHost: string
  readonly pixelUrl: string | null
  readonly linkUrl: ((link: TrackedLink) => string) | null
}

const HTML_LIMIT_BYTES = 1024 * 1024
const LINK_LIMIT = 2000
/** Longer ones would make URLs that some servers on the way refuse. */
const DESTINATION_LIMIT = 2000

/**
 * Puts tracking links and a pixel into HTML. Only `href` attributes change, and the pixel is inserted before the end of
 * the body; the rest stays the same byte for byte. On any failure the HTML is returned unchanged, with the reason.
 */
export const rewriteHtml = (html: string, rewriting: Rewriting): TrackedHtml => {
  if (Buffer.byteLength(html) > HTML_LIMIT_BYTES) return untracked(html, 'too-large')
  try {
    return rewrite(html, rewriting)
  } catch {
    // Tracking never prevents sending.
    return untracked(html, 'not-rewritable')
  }
}

export const untracked = (html: string, failure: TrackedHtml['failure']): TrackedHtml => ({
  html,
  links: [],
  pixel: false,
  failure,
})

const rewrite = (html: string, { trackingHost, pixelUrl, linkUrl }: Rewriting): TrackedHtml => {
  const pixel = pixelUrl === null ? '' : pixelTag(pixelUrl)
  const { page, place } = readWithPixel(html, pixel)
  const changes: { at: { start: number; end: number }; text: string }[] = []
  const links: TrackedLink[] = []
  for (const anchor of linkUrl ? page.anchors : []) {
    const url = destinationOf(anchor, trackingHost)
    if (url === null) continue
    if (links.length === LINK_LIMIT) return untracked(html, 'too-many-links')
    if (!/^href\s*=/i.test(html.slice(anchor.href.start, anchor.href.end)))
      return untracked(html, 'not-rewritable')
    const link = { index: links.length, url, text: anchor.text }
    links.push(link)
    changes.push({ at: anchor.href, text: `href="${attributeText(linkUrl?.(link) ?? url)}"` })
  }
  if (pixel && place !== null) changes.push({ at: { start: place, end: place }, text: pixel })
  changes.sort((one, other) => one.at.start - other.at.start)
  return {
    html: splice(html, changes),
    links,
    pixel: pixel !== '' && place !== null,
    failure: pixel && place === null ? 'no-place-for-pixel' : null,
  }
}

const pixelTag = (url: string): string =>
  `<img src="${attributeText(url)}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">`

/**
 * Parses with the pixel at the very end, to see whether it would be shown there: it may be inside an unclosed comment.
 */
const readWithPixel = (html: string, pixel: string): { page: HtmlPage; place: number | null } => {
  const page = readHtml(html + pixel)
  if (pixel === '') return { page, place: null }
  if (page.images.some(({ tag }) => tag.start === html.length))
    return { page, place: page.bodyEnd ?? html.length }
  const alone = readHtml(html)
  return { page: alone, place: alone.bodyEnd }
}

/**
 * A link's destination, to be sealed; null for a link that is left alone: not an absolute http or https URL (mailto,
 * tel, cid, anchors, relative), with a user name or password, with an unfilled variable, to our own host, for
 * unsubscribing, or whose text shows an address: rewritten, it would look like phishing.
 */
const destinationOf = (anchor: Anchor, trackingHost: string): string | null => {
  const { value, text } = anchor
  if (anchor.untracked || value.length > DESTINATION_LIMIT || /[{}]|%7b|%7d|<%|\*\|/i.test(value)) return null
  // Browsers remove line ends and tabs from a URL, and spaces and control characters from its ends (WHATWG URL 4.4).
  const spelled = value.replace(/[\t\n\r]/g, '').replace(/^[\0- ]+/, '')
  if (!/^https?:\/\//i.test(spelled)) return null
  const url = URL.parse(spelled)
  if (!url || url.username || url.password || url.host === trackingHost) return null
  if (Buffer.byteLength(url.href) > DESTINATION_LIMIT) return null
  if (isUnsubscribe(url.pathname + url.search) || isUnsubscribe(text)) return null
  return showsAddress(text, url) ? null : url.href
}

const isUnsubscribe = (text: string): boolean =>
  /unsubscri|\bopt[-_ ]?outs?\b|abmelde|abbestell|d[ée]sinscri|desuscri/i.test(text)

/** Endings of file names that are rarely top-level domains. */
const FILE_ENDING =
  /\.(?:pdf|docx?|xlsx?|pptx?|odt|ods|odp|csv|txt|rtf|md|zip|rar|gz|7z|png|jpe?g|gif|svg|webp|mp[34]|mov|ics|vcf|html?|json|xml|eml|key|pages|numbers)$/i

/** True if the visible text is itself a URL or a host name, so that a reader expects to go exactly there. */
const showsAddress = (text: string, url: URL): boolean => {
  if (/\s/.test(text)) return false
  if (/^(?:https?:\/\/|www\.)./i.test(text)) return true
  if (!/^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+[\p{L}]{2,}(?::\d+)?(?:[/?#].*)?$/u.test(text))
    return false
  const host = text.split(/[:/?#]/, 1)[0] ?? ''
  return !FILE_ENDING.test(host) || url.hostname === host.toLowerCase()
}
