import type { Kysely } from 'kysely'
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
import { json, projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** The CRM's records as last put, and its contacts by address. */
export const directory = projection({
  name: 'directory',
  version: 1,
  tables: {
    entry: table({
      columns: {
        kind: text,
        id: text,
        value: json<User | Contact | Company | Deal | Organization>(),
        changed_at: timestamp,
      },
      key: ['kind', 'id'],
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
      rows.put('entry', { kind, id, value, changed_at: event.metadata.occurredAt })
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

/** Records of one kind by id, ascending; up to `limit` after the id `after`. */
export const listEntries =
  (db: Kysely<unknown>) =>
  (kind: string, after: string | null, limit: number): Promise<DirectoryEntry[]> =>
    tablesOf(db, directory)
      .selectFrom('entry')
      .select(['id', 'value'])
      .where('kind', '=', kind)
      .$if(after !== null, (query) => query.where('id', '>', after!))
      .orderBy('id')
      .limit(limit)
      .execute()

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
