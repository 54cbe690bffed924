import { domainOf, normaliseAddress, type WrittenMailbox } from '../mail.ts'
import { canConnect } from '../sync/message-ids.ts'

/** A message to more people than this is to a crowd, and the first ones are enough. */
const MOST_PEOPLE = 200
const MOST_REFERENCES = 100
/** As much of a text as an index takes, whatever a hostile sender writes. */
const LONGEST = 320

/** What matching asks of a message. Everybody on it is among the `people`, each address once, in the order of the header. */
export type Subject = {
  readonly messageId: string
  readonly accountId: string
  readonly people: readonly { readonly address: string; readonly name: string | null }[]
  /** Message-IDs that it refers to. */
  readonly references: readonly string[]
  /** It was written by a program. */
  readonly machine: boolean
  /** The records that an email of ours was written about. */
  readonly about: { readonly contactId: string | null; readonly dealId: string | null }
}

export const peopleOf = (of: readonly WrittenMailbox[]): Subject['people'] => {
  const people = new Map<string, string | null>()
  for (const { address: written, name } of of) {
    const address = normaliseAddress(written)
    if (!isUsable(address) || (people.size === MOST_PEOPLE && !people.has(address))) continue
    const used = name === undefined || nameKey(name) === null ? null : name
    people.set(address, people.get(address) ?? used)
  }
  return [...people].map(([address, name]) => ({ address, name }))
}

const isUsable = (address: string): boolean => address.length <= LONGEST && /^[^@]+@.*[^@]$/.test(address)

export const referencesOf = (inReplyTo: readonly string[], references: readonly string[]): string[] => [
  ...new Set([...inReplyTo.slice(0, 1), ...references.slice(-MOST_REFERENCES)].filter(isReference)),
]

/** Whether a Message-ID can lead from a reply to what it answers. */
export const isReference = (id: string): boolean => id.length <= LONGEST && canConnect(id)

/** An address without what follows a plus sign; null if there is none. */
export const untagged = (address: string): string | null => {
  const plain = address.replace(/^([^+@]+)\+[^@]*(@[^@]*)$/, '$1$2')
  return plain === address ? null : plain
}

/** `eu.acme.example` and `acme.example`: a domain, and those above it but the top one. */
export const domainsAbove = (domain: string): string[] => {
  const labels = domain.split('.').slice(-8)
  return labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
}

// Marks, and characters that show a text in another order than it is stored.
const MARKS = /[\u0300-\u036f]/g
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/
const INVISIBLE = /[\p{Cf}\p{Cc}]/gu

/**
 * A name in a form in which its spellings are equal: `Hopper, Grace` and `Grace  HOPPER` are. Null for what is no name of
 * one person: a single word, an address, or a text that shows otherwise than it reads.
 */
export const nameKey = (written: string): string | null => {
  if (written.length > 200 || written.includes('@') || REORDERING.test(written)) return null
  const parts = written.replace(INVISIBLE, '').split(',')
  const inOrder = parts.length === 2 ? `${parts[1]} ${parts[0]}` : parts.join(' ')
  const key = inOrder
    .normalize('NFKD')
    .replace(MARKS, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(/["'’`]/g, '')
    .trim()
    .replace(/\s+/g, ' ')
  return key.includes(' ') && key.length <= LONGEST ? key : null
}

export const addressKey = (address: string): string => `address:${address}`
export const namedKey = (name: string): string => `name:${name}`
export const domainKey = (domain: string): string => `domain:${domain}`
export const referenceKey = (messageId: string): string => `ref:${messageId}`
export const accountKey = (accountId: string): string => `account:${accountId}`
export const messageKey = (messageId: string): string => `message:${messageId}`

/** Messages are looked for by so many keys at once. */
export const KEYS_AT_ONCE = 200

/** What matching a message looks up: where anything under one of these keys changes, its links may. */
export const keysOf = ({
  messageId,
  accountId,
  people,
  references,
}: Omit<Subject, 'machine' | 'about'>): string[] => [
  ...new Set([
    messageKey(messageId),
    accountKey(accountId),
    ...people.flatMap(({ address, name }) => {
      const named = name === null ? null : nameKey(name)
      return [
        addressKey(address),
        ...[untagged(address)].flatMap((plain) => (plain === null ? [] : addressKey(plain))),
        ...(named === null ? [] : [namedKey(named)]),
        ...domainsAbove(domainOf(address)).map(domainKey),
      ]
    }),
    ...references.map(referenceKey),
  ]),
]
