import { parse, type DefaultTreeAdapterTypes, type Token } from 'parse5'

/** A range of the source, in UTF-16 units; `end` is exclusive. */
export type Stretch = { readonly start: number; readonly end: number }

/**
 * A link in the DOM. `href` is the range of the whole attribute in the source, `value` its decoded value; `text` is the
 * visible text, in one line; `untracked`: its author opted out of tracking.
 */
export type Anchor = {
  readonly href: Stretch
  readonly value: string
  readonly text: string
  readonly untracked: boolean
}

type Image = { readonly tag: Stretch; readonly src: string }

/** `bodyEnd` is where the body's end tag begins; null if there is none or the parser ignores it. */
export type HtmlPage = {
  readonly anchors: readonly Anchor[]
  readonly images: readonly Image[]
  readonly bodyEnd: number | null
}

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element
type Visit = { readonly node: Node; readonly untracked: boolean }

const TEXT_LIMIT = 200
const TEXT_NODES = 1000

/**
 * Reads HTML as a browser does (parse5 follows WHATWG HTML 13.2) and returns where its links and images are in the
 * source. Content of comments, Outlook's conditional comments, raw text and templates has no links. Walks the tree with
 * an explicit stack: 100,000 nested tags are legal.
 */
export const readHtml = (html: string): HtmlPage => {
  // Mail is displayed without scripts, so the content of noscript counts.
  const document = parse(html, { sourceCodeLocationInfo: true, scriptingEnabled: false })
  const anchors = new Map<number, Anchor>()
  const images = new Map<number, Image>()
  let bodyEnd: number | null = null
  const stack: Visit[] = [{ node: document, untracked: false }]
  for (let visit = stack.pop(); visit; visit = stack.pop()) {
    const { node } = visit
    let { untracked } = visit
    if (isElement(node)) {
      untracked ||= node.attrs.some(({ name }) => name === 'data-no-track')
      const { tagName } = node
      if (tagName === 'a' || tagName === 'area') {
        const anchor = anchorOf(node, untracked)
        // Misnested markup turns one tag into several elements with the same location.
        if (anchor && !anchors.has(anchor.href.start)) anchors.set(anchor.href.start, anchor)
      } else if (tagName === 'img') {
        const image = imageOf(node)
        if (image) images.set(image.tag.start, image)
      } else if (tagName === 'body') bodyEnd = node.sourceCodeLocation?.endTag?.startOffset ?? bodyEnd
    }
    for (const child of childrenOf(node).toReversed()) stack.push({ node: child, untracked })
  }
  const bySource = (one: { start: number }, other: { start: number }): number => one.start - other.start
  return {
    anchors: [...anchors.values()].toSorted((one, other) => bySource(one.href, other.href)),
    images: [...images.values()].toSorted((one, other) => bySource(one.tag, other.tag)),
    bodyEnd,
  }
}

/** Replaces each range with its text. The ranges do not overlap, and are in order. */
export const splice = (
  html: string,
  changes: readonly { readonly at: Stretch; readonly text: string }[],
): string => {
  let done = 0
  let result = ''
  for (const { at, text } of changes) {
    result += html.slice(done, at.start) + text
    done = at.end
  }
  return result + html.slice(done)
}

/** `text` as the value of a double-quoted attribute. */
export const attributeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')

const isElement = (node: Node): node is Element => 'tagName' in node

const childrenOf = (node: Node): readonly Node[] => ('childNodes' in node ? node.childNodes : [])

const anchorOf = (element: Element, untracked: boolean): Anchor | null => {
  // In foreign elements `xlink:href` is also called href, with a prefix; it is left alone.
  const attribute = element.attrs.find(({ name, prefix }) => name === 'href' && !prefix)
  const place = placeOf(element, 'href')
  if (!attribute || !place) return null
  return { href: place, value: attribute.value, text: textOf(element), untracked }
}

const imageOf = (element: Element): Image | null => {
  const place = element.sourceCodeLocation
  const src = attributeOf(element, 'src')
  return place && src !== null ? { tag: { start: place.startOffset, end: place.endOffset }, src } : null
}

const placeOf = (element: Element, name: string): Stretch | null => {
  // Elements that the parser inserted have no location, nor do some that it duplicated.
  const places: Record<string, Token.Location | undefined> | undefined = element.sourceCodeLocation?.attrs
  const place = places?.[name]
  return place ? { start: place.startOffset, end: place.endOffset } : null
}

const attributeOf = (element: Element, name: string): string | null =>
  element.attrs.find((attribute) => attribute.name === name && !attribute.prefix)?.value ?? null

/** The text of an element, or else the alternative text of its image. */
const textOf = (element: Element): string => {
  let words = ''
  let instead = attributeOf(element, 'alt') ?? ''
  const stack: Node[] = [element]
  for (let seen = 0; stack.length > 0 && seen < TEXT_NODES && words.length < TEXT_LIMIT * 2; seen++) {
    const node = stack.pop()
    if (!node) break
    if (node.nodeName === '#text' && 'value' in node) words += node.value
    else if (isElement(node)) {
      if (node.tagName === 'img') instead ||= attributeOf(node, 'alt') ?? ''
      if (node.tagName === 'br' || node.tagName === 'td' || node.tagName === 'p') words += ' '
      for (const child of node.childNodes.toReversed()) stack.push(child)
    }
  }
  const shown = oneLine(words) || oneLine(instead) || oneLine(attributeOf(element, 'title') ?? '')
  return shown.slice(0, TEXT_LIMIT)
}

// Also removes the invisible characters that mail templates put between words.
const oneLine = (text: string): string =>
  text
    .replace(/\u034f|[\u00ad\u200b-\u200f\u2060\ufeff]/g, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
