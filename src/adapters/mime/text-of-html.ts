import { parse, type DefaultTreeAdapterTypes } from 'parse5'
import { textWriter, type TextWriter } from './text-writer.ts'

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element

const named = (names: string): ReadonlySet<string> => new Set(names.split(' '))
const SILENT = named(
  'head style script title template noframes noembed textarea select iframe object svg math',
)
const PARAGRAPHS = named('p h1 h2 h3 h4 h5 h6 blockquote pre')
const BLOCKS = named(
  'address article aside body center dd details dialog div dl dt fieldset figcaption figure footer form header ' +
    'hgroup li main nav section summary table caption thead tbody tfoot tr',
)

/** `lists` counts the items of the open lists; null for bulleted ones. */
type Place = { readonly writer: TextWriter; readonly lists: (number | null)[]; preformatted: number }

/**
 * The plain text of an HTML body: paragraphs and lines as displayed, links with their addresses, lists with bullets or
 * numbers, quotations after `> `. Hidden preview text is left out. Lines end with LF.
 */
export const textOfHtml = (html: string): string => {
  const place: Place = { writer: textWriter(), lists: [], preformatted: 0 }
  const document: Node = parse(html, { scriptingEnabled: false })
  // On a stack of our own, since HTML may be nested deeper than calls can be.
  const stack: { readonly node: Node; readonly leaving: boolean }[] = [{ node: document, leaving: false }]
  for (let step = stack.pop(); step; step = stack.pop()) {
    const { node, leaving } = step
    if ('value' in node) writeText(place, node.value)
    if (!('childNodes' in node)) continue
    if ('tagName' in node) {
      if (!leaving && isSilent(node)) continue
      if (leaving) leave(node, place)
      else enter(node, place)
    }
    if (leaving) continue
    stack.push({ node, leaving: true })
    for (const child of node.childNodes.toReversed()) stack.push({ node: child, leaving: false })
  }
  return place.writer.end()
}

const writeText = ({ writer, preformatted }: Place, text: string): void =>
  preformatted > 0 ? writer.preformatted(text) : writer.text(text)

const enter = (element: Element, place: Place): void => {
  const { tagName } = element
  const { writer, lists } = place
  if (PARAGRAPHS.has(tagName)) writer.breakLine(true)
  if (BLOCKS.has(tagName)) writer.breakLine(false)
  switch (tagName) {
    case 'blockquote':
      return writer.indent('> ', '> ')
    case 'pre':
      place.preformatted++
      return
    case 'ul':
    case 'ol':
      writer.breakLine(lists.length === 0)
      lists.push(tagName === 'ol' ? Number.parseInt(attribute(element, 'start') ?? '1', 10) || 1 : null)
      return
    case 'li':
      return writer.indent(...bulletOf(lists))
    case 'td':
    case 'th':
      return writer.text(' ')
    case 'hr':
      writer.breakLine(false)
      writer.text('---')
      return writer.breakLine(false)
    case 'img':
      return writer.text(attribute(element, 'alt') ?? '')
  }
}

const bulletOf = (lists: (number | null)[]): [first: string, rest: string] => {
  const count = lists.at(-1) ?? null
  if (count !== null) lists[lists.length - 1] = count + 1
  const bullet = count === null ? '- ' : `${count}. `
  return [bullet, ' '.repeat(bullet.length)]
}

const leave = (element: Element, place: Place): void => {
  const { tagName } = element
  const { writer, lists } = place
  switch (tagName) {
    case 'a':
      writer.text(addressBehind(element))
      break
    case 'br':
      // The second of two in a row is displayed as an empty line.
      writer.lineFeed()
      break
    case 'pre':
      place.preformatted--
      break
    case 'ul':
    case 'ol':
      lists.pop()
      writer.breakLine(lists.length === 0)
      break
    case 'li':
    case 'blockquote':
      writer.breakLine(false)
      writer.outdent()
      break
  }
  if (PARAGRAPHS.has(tagName)) writer.breakLine(true)
  if (BLOCKS.has(tagName)) writer.breakLine(false)
}

/** What to add after the text of a link, unless the text already says where it leads. */
const addressBehind = (anchor: Element): string => {
  const href = (attribute(anchor, 'href') ?? '').replaceAll(/\s+/g, '')
  if (!/^(?:https?|mailto|tel):/i.test(href)) return ''
  const address = href.replace(/^(?:mailto|tel):/i, '')
  const label = labelOf(anchor)
  if (label === '') return address
  return bare(label) === bare(address) ? '' : ` <${address}>`
}

const bare = (address: string): string =>
  address
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '')
    .replaceAll(/[\s()]/g, '')

const labelOf = (anchor: Element): string => {
  let label = ''
  const left: Node[] = [anchor]
  for (let node = left.pop(); node; node = left.pop()) {
    if ('value' in node) label += node.value
    else if ('tagName' in node && node.tagName === 'img') label += attribute(node, 'alt') ?? ''
    if ('childNodes' in node) for (const child of node.childNodes.toReversed()) left.push(child)
  }
  return label.trim()
}

const isSilent = (element: Element): boolean =>
  SILENT.has(element.tagName) ||
  attribute(element, 'hidden') !== undefined ||
  /display\s*:\s*none/i.test(attribute(element, 'style') ?? '')

const attribute = (element: Element, name: string): string | undefined =>
  element.attrs.find((each) => each.name === name)?.value
