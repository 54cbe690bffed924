import { parse, type DefaultTreeAdapterTypes, type Token } from 'parse5'

/** A stretch of the source, in UTF-16 units; `end` is behind the last one. */
export type Stretch = { readonly start: number; readonly end: number }

/**
 * A link as a browser's tree holds it. `href` is the whole attribute's place in the source, `value` what it means;
 * `text` is what a reader sees of it, in one line; `untracked` that its author asked for it to be left alone.
 */
export type Anchor = {
  readonly href: Stretch
  readonly value: string
  readonly text: string
  readonly untracked: boolean
}

type Image = { readonly tag: Stretch; readonly src: string }

/** `bodyEnd` is where the body's own end tag begins; null where none is written or none is heeded. */
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
 * Reads HTML as a browser does (parse5 follows WHATWG HTML 13.2) and says where its links and images stand in the
 * source. What stands in comments, conditional comments of Outlook, raw text and templates is no link. Walks with a
 * stack of its own: 100,000 nested tags are legal.
 */
export const readHtml = (html: string): HtmlPage => {
  // Mail is shown without scripts, so the content of noscript counts.
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
        // Misnested markup makes one tag into several elements: they share its place.
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

/** Puts each text in the place of its stretch. The stretches do not overlap, and come in order. */
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

/** `text` as the value of an attribute in double quotation marks. */
export const attributeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')

const isElement = (node: Node): node is Element => 'tagName' in node

const childrenOf = (node: Node): readonly Node[] => ('childNodes' in node ? node.childNodes : [])

const anchorOf = (element: Element, untracked: boolean): Anchor | null => {
  // In foreign elements `xlink:href` has the name href too, with a prefix; it is left alone.
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
  // Elements that the parser made up have no place, and some that it repeated neither.
  const places: Record<string, Token.Location | undefined> | undefined = element.sourceCodeLocation?.attrs
  const place = places?.[name]
  return place ? { start: place.startOffset, end: place.endOffset } : null
}

const attributeOf = (element: Element, name: string): string | null =>
  element.attrs.find((attribute) => attribute.name === name && !attribute.prefix)?.value ?? null

/** The words inside an element; where there are none, those that stand for its picture. */
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

// Also takes away what mail templates put between words without showing it.
const oneLine = (text: string): string =>
  text
    .replace(/\u034f|[\u00ad\u200b-\u200f\u2060\ufeff]/g, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
