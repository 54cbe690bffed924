import { rightsAfter, rightsOfOwner } from '../../domain/accounts/access-rights.ts'
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountConnected,
  AccountOwnerChanged,
} from '../../domain/accounts/events.ts'
import {
  AssignmentRulesChanged,
  ConversationLeftUnassigned,
  ConversationPicked,
  UserAvailabilityChanged,
  noRules,
} from '../../domain/assignment/events.ts'
import {
  ConversationAnswered,
  ConversationAssigned,
  ConversationMerged,
  ConversationMessageReceived,
  ConversationOpened,
  ConversationSeparated,
  ConversationSnoozed,
  ConversationStatusChanged,
  ConversationTookIn,
  ConversationUnassigned,
  ConversationWoken,
} from '../../domain/conversations/events.ts'
import {
  CompanyRecorded,
  CompanyRemoved,
  ContactMerged,
  ContactRecorded,
  ContactRemoved,
  UserRecorded,
  UserRemoved,
  type Contact,
} from '../../domain/directory/events.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { EmailQueued } from '../../domain/sending/events.ts'
import { emailsNamedBy } from '../../domain/sending/own-message-id.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { projection } from '../projection.ts'
import { foldConversation, foldPick } from './fold-conversation.ts'
import { assignmentTables, type AssignmentRows } from './tables.ts'

/**
 * What conversations are assigned by, all as of one position: whose accounts and conversations are whose, who is there,
 * and who wrote. It has a copy of what it needs of the directory, so that the log alone tells what a decision was based on.
 */
export const assignmentFacts = projection({
  name: 'assignment',
  version: 4,
  tables: assignmentTables,
  events: [
    AccountConnected,
    AccountAccessGranted,
    AccountAccessRevoked,
    AccountOwnerChanged,
    AssignmentRulesChanged,
    ConversationPicked,
    ConversationLeftUnassigned,
    UserAvailabilityChanged,
    ConversationOpened,
    ConversationMessageReceived,
    ConversationAnswered,
    ConversationStatusChanged,
    ConversationSnoozed,
    ConversationWoken,
    ConversationAssigned,
    ConversationUnassigned,
    ConversationMerged,
    ConversationSeparated,
    ConversationTookIn,
    UserRecorded,
    UserRemoved,
    ContactRecorded,
    ContactRemoved,
    ContactMerged,
    CompanyRecorded,
    CompanyRemoved,
    EmailQueued,
    MessageSynced,
  ],
  fold: (event, rows) => {
    rows.put('seen', { id: 'main', position: event.position })
    switch (event.type) {
      case 'AccountConnected': {
        const { accountId: id, owner } = event.data
        return rows.put('account', { ...newAccount, id, rights: rightsOfOwner(owner) })
      }
      case 'AccountAccessGranted':
      case 'AccountAccessRevoked':
      case 'AccountOwnerChanged': {
        const account = accountOf(rows, event)
        return rows.put('account', { ...account, rights: rightsAfter(account.rights, event) })
      }
      case 'AssignmentRulesChanged': {
        const { accountId: _, ...rules } = event.data
        return rows.put('account', { ...accountOf(rows, event), rules, rules_revision: event.revision })
      }
      case 'ConversationPicked':
      case 'ConversationLeftUnassigned':
        return foldPick(event, rows)
      case 'UserAvailabilityChanged': {
        const { userId: user_id, ...availability } = event.data
        return rows.put('availability', { user_id, availability })
      }
      case 'UserRecorded':
        return rows.put('user', { id: event.data.userId })
      case 'UserRemoved':
        return rows.remove('user', { id: event.data.userId })
      case 'ContactRecorded':
        return putContact(rows, event.data.contactId, event.data.contact)
      case 'ContactRemoved':
      case 'ContactMerged':
        return putContact(rows, event.data.contactId, null)
      case 'CompanyRecorded': {
        const { companyId: id, company } = event.data
        return rows.put('company', { id, territory: company.territory || null })
      }
      case 'CompanyRemoved':
        return rows.remove('company', { id: event.data.companyId })
      case 'EmailQueued': {
        const { outgoingId: outgoing_id, userId: user_id } = event.data
        return user_id === null ? undefined : rows.put('writer', { outgoing_id, user_id })
      }
      case 'MessageSynced': {
        if (event.data.direction !== 'in') return
        const named = emailsNamedBy({ delivery: null, header: event.data.header }).map((outgoing_id) =>
          rows.get('writer', { outgoing_id }),
        )
        const writer = named.find((each) => each !== undefined)
        if (writer) rows.put('answer', { message_id: event.data.messageId, user_id: writer.user_id })
        return
      }
      case 'ConversationOpened':
      case 'ConversationMessageReceived':
      case 'ConversationAnswered':
      case 'ConversationStatusChanged':
      case 'ConversationSnoozed':
      case 'ConversationWoken':
      case 'ConversationAssigned':
      case 'ConversationUnassigned':
      case 'ConversationMerged':
      case 'ConversationSeparated':
      case 'ConversationTookIn':
        return foldConversation(event, rows)
    }
  },
})

const newAccount = {
  rules: noRules,
  rules_revision: -1,
  revision: -1,
  turns_revision: -1,
  turns: {},
}

const accountOf = (
  rows: AssignmentRows,
  { type, data }: { readonly type: string; readonly data: { readonly accountId: string } },
) => {
  const found = rows.get('account', { id: data.accountId })
  if (!found) throw new Error(`${type} of an account that was not connected`)
  return found
}

const putContact = (rows: AssignmentRows, id: string, contact: Contact | null): void => {
  const before = rows.get('contact', { id })
  for (const address of before?.addresses ?? []) rows.remove('contact_address', { address, contact_id: id })
  if (!contact) return rows.remove('contact', { id })
  const addresses = contact.emails.map(normaliseAddress)
  const { territory, product, companyId } = contact
  rows.put('contact', {
    id,
    addresses,
    territory: territory || null,
    product: product || null,
    company_id: companyId ?? null,
  })
  for (const address of addresses) rows.put('contact_address', { address, contact_id: id })
}
