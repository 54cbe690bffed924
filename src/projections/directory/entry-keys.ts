import type { Company, Contact, Deal, Organization, User } from '../../domain/directory/events.ts'
import { asciiDomain, normaliseAddress } from '../../domain/mail.ts'

export type EntryValue = User | Contact | Company | Deal | Organization

/** What lists of records can be narrowed down by, besides the name. */
export const entryKeys = [
  'company',
  'contact',
  'domain',
  'email',
  'owner',
  'product',
  'stage',
  'territory',
] as const
export type EntryKeyName = (typeof entryKeys)[number]

/** One text for one thing that a record is found by, such as `email:ada@example.com`. */
export const entryKey = (name: EntryKeyName, value: string): string => `${name}:${normalised(name, value)}`

const normalised = (name: EntryKeyName, value: string): string => {
  switch (name) {
    case 'company':
    case 'contact':
    case 'owner':
      return value
    case 'domain':
      return asciiDomain(value)
    case 'email':
      return normaliseAddress(value)
    case 'product':
    case 'stage':
    case 'territory':
      return value.toLowerCase()
  }
}

/** What every record is found by. */
export const EVERY = ''

/** Everything that a record is found by, each thing once. */
export const keysOf = (kind: string, value: EntryValue): string[] => {
  const found: Readonly<Record<EntryKeyName, readonly (string | undefined)[]>> = {
    company: 'companyId' in value ? [value.companyId] : [],
    contact: 'contactIds' in value ? (value.contactIds ?? []) : [],
    domain: kind === 'company' && 'domains' in value ? (value.domains ?? []) : [],
    email: 'emails' in value ? value.emails : [],
    owner: 'ownerId' in value ? [value.ownerId] : [],
    product: 'product' in value ? [value.product] : [],
    stage: 'stage' in value ? [value.stage] : [],
    territory: 'territory' in value ? [value.territory] : [],
  }
  const keys = entryKeys.flatMap((name) =>
    found[name].flatMap((each) => (each ? [entryKey(name, each)] : [])),
  )
  return [EVERY, ...new Set(keys)]
}

/** The name, normalised for sorting and searching. */
export const sortNameOf = (value: EntryValue): string =>
  ('name' in value ? value.name : [value.firstName, value.lastName].filter(Boolean).join(' ')).toLowerCase()
