import type { RecordRef } from './events.ts'
import { addressKey, namedKey, nameKey } from './keys.ts'
import { normaliseAddress } from '../mail.ts'

/** A contact as matching knows it: its addresses and its name in normal form. */
export type KnownContact = {
  readonly id: string
  readonly emails: readonly string[]
  readonly name: string | null
  readonly companyId: string | null
}
export type KnownCompany = { readonly id: string; readonly domains: readonly string[] }

/** What the CRM and people said that matters for some messages, in any order. */
export type FactList = {
  readonly contacts: readonly KnownContact[]
  readonly companies: readonly KnownCompany[]
  readonly senders: readonly { readonly address: string; readonly records: readonly RecordRef[] }[]
  readonly ownAddresses: readonly string[]
  readonly ownDomains: readonly string[]
  /** Deals of messages, by their Message-ID headers: those they were written about, or linked to by hand. */
  readonly deals: readonly { readonly header: string; readonly messageId: string; readonly dealId: string }[]
}

/** The same, to be looked up. */
export type Facts = {
  readonly contact: ReadonlyMap<string, KnownContact>
  readonly byAddress: ReadonlyMap<string, readonly KnownContact[]>
  readonly byName: ReadonlyMap<string, readonly KnownContact[]>
  readonly company: ReadonlyMap<string, KnownCompany>
  readonly byDomain: ReadonlyMap<string, readonly KnownCompany[]>
  readonly assigned: ReadonlyMap<string, readonly RecordRef[]>
  readonly ownAddresses: ReadonlySet<string>
  readonly ownDomains: ReadonlySet<string>
  readonly dealsOf: ReadonlyMap<string, FactList['deals']>
  /** Whether anybody can have an address of this domain. */
  readonly isFreeMail: (domain: string) => boolean
}

export const contactFacts = (
  id: string,
  contact: {
    readonly emails: readonly string[]
    readonly firstName?: string | undefined
    readonly lastName?: string | undefined
    readonly companyId?: string | undefined
  },
): KnownContact => ({
  id,
  emails: [...new Set(contact.emails.map(normaliseAddress))],
  name: nameKey([contact.firstName, contact.lastName].filter((part) => part !== undefined).join(' ')),
  companyId: contact.companyId ?? null,
})

export const companyFacts = (
  id: string,
  { domains }: { readonly domains: readonly string[] },
): KnownCompany => ({
  id,
  domains: [...new Set(domains.map((domain) => domain.toLowerCase()))],
})

/** Where messages may change with the contact. */
export const contactKeys = ({ emails, name }: Pick<KnownContact, 'emails' | 'name'>): string[] => [
  ...emails.map(addressKey),
  ...(name === null ? [] : [namedKey(name)]),
]

export const factsFrom = (list: FactList, isFreeMail: Facts['isFreeMail']): Facts => ({
  contact: new Map(list.contacts.map((each) => [each.id, each])),
  byAddress: grouped(list.contacts, ({ emails }) => emails),
  byName: grouped(list.contacts, ({ name }) => (name === null ? [] : [name])),
  company: new Map(list.companies.map((each) => [each.id, each])),
  byDomain: grouped(list.companies, ({ domains }) => domains),
  assigned: new Map(list.senders.map(({ address, records }) => [address, records])),
  ownAddresses: new Set(list.ownAddresses),
  ownDomains: new Set(list.ownDomains),
  dealsOf: grouped(list.deals, ({ header }) => [header]),
  isFreeMail,
})

const grouped = <Item>(
  items: readonly Item[],
  keysOf: (item: Item) => readonly string[],
): ReadonlyMap<string, readonly Item[]> => {
  const groups = new Map<string, Item[]>()
  for (const item of items)
    for (const key of keysOf(item)) {
      const group = groups.get(key)
      if (group) group.push(item)
      else groups.set(key, [item])
    }
  return groups
}
