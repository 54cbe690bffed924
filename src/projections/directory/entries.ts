import { sql, type Kysely } from 'kysely'
import {
  CompanyRecorded,
  CompanyRemoved,
  ContactRecorded,
  ContactRemoved,
  DealRecorded,
  DealRemoved,
  OrganizationRecorded,
  UserRecorded,
  UserRemoved,
  type Company,
  type Contact,
  type Deal,
  type Organization,
  type User,
} from '../../domain/directory/events.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import {
  beginningWith,
  json,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
} from '../projection.ts'

/** The CRM's records as last put, and its contacts by address. */
export const directory = projection({
  name: 'directory',
  version: 2,
  tables: {
    entry: table({
      columns: {
        kind: text,
        id: text,
        value: json<User | Contact | Company | Deal | Organization>(),
        /** The name, normalised for sorting and searching. */
        sort_name: text,
        company_id: nullable(text),
        changed_at: timestamp,
      },
      key: ['kind', 'id'],
      indexes: [
        '(kind, sort_name COLLATE "C", id)',
        '(kind, company_id, id) WHERE company_id IS NOT NULL',
        '(kind, company_id, sort_name COLLATE "C", id) WHERE company_id IS NOT NULL',
      ],
    }),
    contact_address: table({
      columns: { address: text, contact_id: text },
      key: ['address', 'contact_id'],
    }),
  },
  events: [
    UserRecorded,
    UserRemoved,
    ContactRecorded,
    ContactRemoved,
    CompanyRecorded,
    CompanyRemoved,
    DealRecorded,
    DealRemoved,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    const put = (kind: string, id: string, value: User | Contact | Company | Deal | Organization) =>
      rows.put('entry', {
        kind,
        id,
        value,
        sort_name: nameOf(value).toLowerCase(),
        company_id: ('companyId' in value ? value.companyId : null) ?? null,
        changed_at: event.metadata.occurredAt,
      })
    const forgetAddresses = (id: string) => {
      const known = rows.get('entry', { kind: 'contact', id })
      if (known && 'emails' in known.value)
        for (const address of known.value.emails)
          rows.remove('contact_address', { address: normaliseAddress(address), contact_id: id })
    }
    switch (event.type) {
      case 'UserRecorded':
        return put('user', event.data.userId, event.data.user)
      case 'CompanyRecorded':
        return put('company', event.data.companyId, event.data.company)
      case 'DealRecorded':
        return put('deal', event.data.dealId, event.data.deal)
      case 'OrganizationRecorded':
        return put('organization', 'main', event.data.organization)
      case 'ContactRecorded': {
        const { contactId, contact } = event.data
        forgetAddresses(contactId)
        for (const address of contact.emails)
          rows.put('contact_address', { address: normaliseAddress(address), contact_id: contactId })
        return put('contact', contactId, contact)
      }
      case 'ContactRemoved':
        forgetAddresses(event.data.contactId)
        return rows.remove('entry', { kind: 'contact', id: event.data.contactId })
      case 'UserRemoved':
        return rows.remove('entry', { kind: 'user', id: event.data.userId })
      case 'CompanyRemoved':
        return rows.remove('entry', { kind: 'company', id: event.data.companyId })
      case 'DealRemoved':
        return rows.remove('entry', { kind: 'deal', id: event.data.dealId })
    }
  },
})

export type DirectoryEntry = { readonly id: string; readonly value: object }

const nameOf = (value: User | Contact | Company | Deal | Organization): string =>
  'name' in value ? value.name : [value.firstName, value.lastName].filter(Boolean).join(' ')

/** What a list of records is narrowed down to; what is undefined narrows nothing. */
type EntryFilter = {
  readonly kind: 'user' | 'contact' | 'company' | 'deal'
  readonly companyId?: string | undefined
  /** An address of a contact. */
  readonly email?: string | undefined
  /** The beginning of the name; capital letters do not count. */
  readonly search?: string | undefined
}

// Compared byte by byte, so that an index finds what a name begins with.
const byName = sql`sort_name collate "C"`

/** Records of one kind, by id or by name. */
export const listEntries =
  (db: Kysely<unknown>) =>
  async (
    { kind, companyId, email, search }: EntryFilter,
    { by, ...page }: Page & { readonly by: 'id' | 'name' },
  ): Promise<(DirectoryEntry & { readonly sortName: string })[]> => {
    const tables = tablesOf(db, directory)
    const ofAddress = tables
      .selectFrom('contact_address')
      .select('contact_id')
      .where('address', '=', normaliseAddress(email ?? ''))
    const found = tables
      .selectFrom('entry')
      .select(['id', 'value', 'sort_name as sortName'])
      .where('kind', '=', kind)
      .$if(companyId !== undefined, (query) => query.where('company_id', '=', companyId!))
      .$if(email !== undefined, (query) => query.where('id', 'in', ofAddress))
      .$if(search !== undefined, (query) =>
        query.where(sql<boolean>`${byName} like ${beginningWith(search!.toLowerCase())}`),
      )
    const order = { column: by === 'id' ? 'id' : byName, type: 'text' } as const
    return paged(found, order, page).execute()
  }

/** More contacts with one address help nobody to choose. */
const MOST_CONTACTS = 100

/** The contacts with this address, by id. */
export const contactsOfAddress =
  (db: Kysely<unknown>) =>
  async (address: string): Promise<string[]> => {
    const rows = await tablesOf(db, directory)
      .selectFrom('contact_address')
      .select('contact_id')
      .where('address', '=', normaliseAddress(address))
      .orderBy('contact_id')
      .limit(MOST_CONTACTS)
      .execute()
    return rows.map((row) => row.contact_id)
  }
