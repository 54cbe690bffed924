import { defaultTreeAdapter, parse, serialize, type DefaultTreeAdapterTypes } from 'parse5'

/** Something that an email must not contain. Lines count from 1; null if the parser has none. */
export type UnsafeMarkup = {
  readonly kind: 'script-element' | 'event-handler' | 'script-url' | 'nested-document'
  readonly what: string
  readonly line: number | null
}

/** The last four: what an animation may write into a link (SVG 2, 19). */
const LINKS = new Set(
  (
    'href src action formaction background poster cite data longdesc srcset ping lowsrc dynsrc codebase manifest ' +
    'content to from by values'
  ).split(' '),
)

type Node = DefaultTreeAdapterTypes.Node

/**
 * Finds what runs code: script elements, event handler attributes, script links. Uses the tree that a browser builds,
 * so no spelling hides anything.
 */
export const unsafeMarkup = (html: string): UnsafeMarkup[] => {
  const found: UnsafeMarkup[] = []
  const left: Node[] = [parse(html, { sourceCodeLocationInfo: true })]
  for (let node = left.pop(); node; node = left.pop()) {
    if ('tagName' in node) found.push(...unsafeIn(node))
    // An explicit stack: a tree may be deeper than the call stack.
    if ('childNodes' in node) for (const child of node.childNodes.toReversed()) left.push(child)
    if ('content' in node) left.push(node.content)
  }
  return found
}

/**
 * The HTML without what `unsafeMarkup` finds: script elements, event handlers, links that run code. Unchanged where there
 * is none; else as a browser would write the tree out.
 */
export const withoutCode = (html: string): string => {
  if (unsafeMarkup(html).length === 0) return html
  const document = parse(html)
  const left: Node[] = [document]
  for (let node = left.pop(); node; node = left.pop()) {
    if ('attrs' in node)
      node.attrs = node.attrs.filter(({ name, value }) => !kindOf(name.toLowerCase(), value))
    const children = [
      ...('childNodes' in node ? node.childNodes : []),
      ...('content' in node ? node.content.childNodes : []),
    ]
    for (const child of children)
      if ('tagName' in child && child.tagName === 'script') defaultTreeAdapter.detachNode(child)
      else left.push(child)
  }
  return serialize(document)
}

const unsafeIn = (element: DefaultTreeAdapterTypes.Element): UnsafeMarkup[] => {
  const place = element.sourceCodeLocation
  const found: UnsafeMarkup[] = []
  if (element.tagName === 'script')
    found.push({ kind: 'script-element', what: '<script>', line: place?.startLine ?? null })
  for (const { name, value } of element.attrs) {
    const kind = kindOf(name.toLowerCase(), value)
    const line = place?.attrs?.[name]?.startLine ?? place?.startLine ?? null
    if (kind) found.push({ kind, what: `${name} of <${element.tagName}>`, line })
  }
  return found
}

const kindOf = (name: string, value: string): UnsafeMarkup['kind'] | null => {
  if (name.startsWith('on')) return 'event-handler'
  if (name === 'srcdoc') return 'nested-document'
  return LINKS.has(name) && urlsIn(name, value).some(isScript) ? 'script-url' : null
}

/** Browsers ignore white space and control characters in a scheme (WHATWG URL 4.4). */
const urlsIn = (name: string, value: string): string[] => {
  const text = value.replaceAll(/[\p{Cc}\s]/gu, '')
  return LISTS.has(name)
    ? text.split(/[;,=]/).map((part, index) => (index > 0 ? part.replace(/^['"]/, '') : part))
    : [text]
}

/** Attributes with several URLs, or one after other words. */
const LISTS = new Set(['srcset', 'values', 'content'])

const isScript = (url: string): boolean =>
  /^(?:javascript|vbscript):/i.test(url) || /^data:(?!image\/(?:png|gif|jpeg|webp)(?:[;,]|$))/i.test(url)
