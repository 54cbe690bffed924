import { parseFragment, type DefaultTreeAdapterTypes } from 'parse5'
import type { Found, FoundServers } from './found.ts'

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element

/** Where a domain publishes its servers for mail programs; the first that there is counts. */
export const autoconfigUrls = (domain: string): URL[] => [
  new URL(`https://autoconfig.${domain}/mail/config-v1.1.xml`),
  new URL(`https://${domain}/.well-known/autoconfig/mail/config-v1.1.xml`),
]

/**
 * The servers of a file in the format of Mozilla's autoconfig, version 1.1: the first of each protocol that is
 * encrypted. An HTML parser reads what the format needs of XML, knows no external entities, and never fails.
 */
export const readAutoconfig = (xml: string, address: string): FoundServers => {
  const servers = elementsIn(parseFragment(xml))
  const first = (tagName: string, type: string): Found | null =>
    servers
      .filter((each) => each.tagName === tagName && attributeOf(each, 'type') === type)
      .map((each) => serverIn(each, address))
      .find((found) => found !== null) ?? null
  return { imap: first('incomingserver', 'imap'), smtp: first('outgoingserver', 'smtp') }
}

const ENCRYPTION: Readonly<Record<string, Found['encryption']>> = { ssl: 'tls', starttls: 'starttls' }

const serverIn = (server: Element, address: string): Found | null => {
  const parts = elementsIn(server)
  const valueOf = (name: string): string =>
    filledIn(textOf(parts.find(({ tagName }) => tagName === name)), address)
  const [host, port] = [valueOf('hostname').toLowerCase(), Number(valueOf('port'))]
  const encryption = ENCRYPTION[valueOf('sockettype').toLowerCase()]
  if (encryption === undefined || !isHostName(host)) return null
  if (!Number.isInteger(port) || port < 1 || port > 65535) return null
  const username = valueOf('username')
  // What is left of a placeholder is one that only other programs know.
  return { host, port, encryption, username: username === '' || username.includes('%') ? address : username }
}

const isHostName = (text: string): boolean =>
  text.length <= 253 && /^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)+$/.test(text)

const filledIn = (text: string, address: string): string => {
  const at = address.lastIndexOf('@')
  return text
    .replaceAll('%EMAILADDRESS%', () => address)
    .replaceAll('%EMAILLOCALPART%', () => address.slice(0, at))
    .replaceAll('%EMAILDOMAIN%', () => address.slice(at + 1))
}

const attributeOf = ({ attrs }: Element, name: string): string =>
  attrs.find((attribute) => attribute.name === name)?.value.toLowerCase() ?? ''

/** All elements below, in the order of the file; on a stack of our own, since they may be nested deeper than calls can be. */
const elementsIn = (root: Node): Element[] => {
  const found: Element[] = []
  const stack: Node[] = [root]
  for (let node = stack.pop(); node; node = stack.pop()) {
    if ('tagName' in node && node !== root) found.push(node)
    if ('childNodes' in node) stack.push(...node.childNodes.toReversed())
  }
  return found
}

const textOf = (element: Element | undefined): string =>
  (element?.childNodes ?? [])
    .map((node) => ('value' in node ? node.value : ''))
    .join('')
    .trim()
