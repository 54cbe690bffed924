import {
  CompanyRecorded,
  CompanyRemoved,
  ContactMerged,
  ContactRecorded,
  ContactRemoved,
  DealRecorded,
  DealRemoved,
  OrganizationRecorded,
  UserRecorded,
  UserRemoved,
} from '../../domain/directory/events.ts'
import { boolean, json, projection, table, text, timestamp } from '../projection.ts'
import { keysOf, sortNameOf, type EntryValue } from './entry-keys.ts'

/** The CRM's records as last put, and by what they are found. */
export const directory = projection({
  name: 'directory',
  version: 3,
  tables: {
    entry: table({
      columns: { kind: text, id: text, value: json<EntryValue>(), changed_at: timestamp },
      key: ['kind', 'id'],
    }),
    /** A row for each thing that a record is found by, with what lists are ordered by. */
    entry_key: table({
      columns: { kind: text, key: text, id: text, sort_name: text, opt_out: boolean },
      key: ['kind', 'key', 'id'],
      indexes: ['(kind, key, sort_name COLLATE "C", id)'],
    }),
    /** Contacts that are gone, and those that their ids lead to. */
    merged_contact: table({
      columns: { id: text, into_id: text },
      key: ['id'],
      indexes: ['(into_id)'],
    }),
  },
  events: [
    UserRecorded,
    UserRemoved,
    ContactRecorded,
    ContactMerged,
    ContactRemoved,
    CompanyRecorded,
    CompanyRemoved,
    DealRecorded,
    DealRemoved,
    OrganizationRecorded,
  ],
  fold: (event, rows) => {
    const forget = (kind: string, id: string): void => {
      const known = rows.get('entry', { kind, id })
      for (const key of known ? keysOf(kind, known.value) : []) rows.remove('entry_key', { kind, key, id })
      rows.remove('entry', { kind, id })
    }
    const put = (kind: string, id: string, value: EntryValue): void => {
      forget(kind, id)
      const sort_name = sortNameOf(value)
      const opt_out = 'optOut' in value && value.optOut === true
      rows.put('entry', { kind, id, value, changed_at: event.metadata.occurredAt })
      for (const key of keysOf(kind, value)) rows.put('entry_key', { kind, key, id, sort_name, opt_out })
    }
    switch (event.type) {
      case 'UserRecorded':
        return put('user', event.data.userId, event.data.user)
      case 'ContactRecorded':
        return put('contact', event.data.contactId, event.data.contact)
      case 'CompanyRecorded':
        return put('company', event.data.companyId, event.data.company)
      case 'DealRecorded':
        return put('deal', event.data.dealId, event.data.deal)
      case 'OrganizationRecorded':
        return put('organization', 'main', event.data.organization)
      case 'ContactMerged':
        rows.put('merged_contact', { id: event.data.contactId, into_id: event.data.into })
        return forget('contact', event.data.contactId)
      case 'ContactRemoved':
        rows.remove('merged_contact', { id: event.data.contactId })
        return forget('contact', event.data.contactId)
      case 'UserRemoved':
        return forget('user', event.data.userId)
      case 'CompanyRemoved':
        return forget('company', event.data.companyId)
      case 'DealRemoved':
        return forget('deal', event.data.dealId)
    }
  },
})
