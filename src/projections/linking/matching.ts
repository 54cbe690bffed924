import { AccountConnected, AccountSettingsChanged } from '../../domain/accounts/events.ts'
import { directoryEvents } from '../../domain/directory/events.ts'
import { linkEvents, matchingEvents, senderEvents, type RecordRef } from '../../domain/linking/events.ts'
import type { Subject } from '../../domain/linking/keys.ts'
import { linksAfter, noLinks, type Links } from '../../domain/linking/links.ts'
import type { Rules } from '../../domain/linking/match.ts'
import {
  backProgressAfter,
  newProgressAfter,
  noBackProgress,
  noNewProgress,
  type BackProgress,
  type NewProgress,
} from '../../domain/linking/progress.ts'
import { EmailCancelled, EmailQueued, EmailSent } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { integer, json, nullable, projection, table, text, type Rows } from '../projection.ts'
import { foldFact } from './matching-facts.ts'
import { foldMessage, foldDeals } from './matching-subjects.ts'

export const matchingTables = {
  /** Messages as matching knows them; `position` is null for an email that is not sent yet. */
  subject: table({
    columns: {
      message_id: text,
      account_id: text,
      position: nullable(text),
      keys: json<string[]>(),
      subject: json<Subject>(),
      /** Its Message-ID headers: a provider may have put another into the copy. */
      headers: json<string[]>(),
    },
    key: ['message_id'],
    // The keys are looked up one by one: each time a list of pending entries would be read, too.
    indexes: [
      '(position) WHERE position IS NOT NULL',
      '(account_id, position) WHERE position IS NOT NULL',
      'USING gin (keys) WITH (fastupdate = off)',
    ],
  }),
  /** What is recorded of its links, and the revision of that stream. */
  outcome: table({
    columns: { message_id: text, links: json<Links>(), revision: integer },
    key: ['message_id'],
  }),
  /** When what lies under a key changed last. */
  changed_key: table({
    columns: { key: text, position: text },
    key: ['key'],
    indexes: ['(position)'],
  }),
  contact: table({
    columns: {
      id: text,
      emails: json<string[]>(),
      name: nullable(text),
      company_id: nullable(text),
    },
    key: ['id'],
  }),
  contact_address: table({
    columns: { address: text, contact_id: text },
    key: ['address', 'contact_id'],
  }),
  contact_name: table({ columns: { name: text, contact_id: text }, key: ['name', 'contact_id'] }),
  company: table({ columns: { id: text, domains: json<string[]>() }, key: ['id'] }),
  company_domain: table({ columns: { domain: text, company_id: text }, key: ['domain', 'company_id'] }),
  sender: table({ columns: { address: text, records: json<RecordRef[]>() }, key: ['address'] }),
  /** Addresses of our own people and mailboxes, by what has them. */
  own_address: table({ columns: { address: text, whose: json<string[]>() }, key: ['address'] }),
  user: table({ columns: { id: text, address: nullable(text) }, key: ['id'] }),
  own_domains: table({ columns: { id: text, domains: json<string[]>() }, key: ['id'] }),
  account: table({ columns: { id: text, rules: json<Rules>() }, key: ['id'] }),
  /** The deals of messages, by their Message-ID headers: what replies inherit. */
  deal: table({
    columns: { header: text, message_id: text, deal_id: text },
    key: ['header', 'message_id', 'deal_id'],
  }),
  progress: table({
    columns: { name: text, state: json<NewProgress | BackProgress>(), revision: integer },
    key: ['name'],
  }),
  /** The last event that changed something here (`main`), and the last that changed something under a key (`keys`). */
  seen: table({ columns: { id: text, position: text }, key: ['id'] }),
}
export type MatchingRows = Rows<typeof matchingTables>

/** What the rules need to match messages, consistent in itself, and how far they have come. */
export const matching = projection({
  name: 'matching',
  version: 1,
  tables: matchingTables,
  events: [
    ...directoryEvents,
    AccountConnected,
    AccountSettingsChanged,
    MessageSynced,
    EmailQueued,
    EmailSent,
    EmailCancelled,
    ...linkEvents,
    ...senderEvents,
    ...matchingEvents,
  ],
  fold: (event, rows) => {
    rows.put('seen', { id: 'main', position: event.position })
    switch (event.type) {
      case 'MessageSynced':
      case 'EmailQueued':
      case 'EmailSent':
      case 'EmailCancelled':
        return foldMessage(event, rows)
      case 'MessageMatched':
      case 'MessageLinked':
      case 'MessageUnlinked':
      case 'LinkDecisionUndone': {
        const { messageId: message_id } = event.data
        const before = rows.get('outcome', { message_id })?.links ?? noLinks
        rows.put('outcome', { message_id, links: linksAfter(before, event), revision: event.revision })
        return foldDeals(event, rows)
      }
      case 'NewMessagesMatched':
        return rows.put('progress', {
          name: 'new',
          state: newProgressAfter(noNewProgress, event),
          revision: event.revision,
        })
      case 'RelinkingProgressed':
      case 'RelinkingFinished': {
        // The row's name says which of the two it holds.
        const before = rows.get('progress', { name: 'back' })?.state as BackProgress | undefined
        const state = backProgressAfter(before ?? noBackProgress, event)
        return rows.put('progress', { name: 'back', state, revision: event.revision })
      }
      case 'AccountConnected':
      case 'AccountSettingsChanged':
      case 'CompanyRecorded':
      case 'CompanyRemoved':
      case 'ContactMerged':
      case 'ContactRecorded':
      case 'ContactRemoved':
      case 'DealRecorded':
      case 'DealRemoved':
      case 'OrganizationRecorded':
      case 'SenderAssigned':
      case 'SenderUnassigned':
      case 'UserRecorded':
      case 'UserRemoved':
        return foldFact(event, rows)
    }
  },
})
