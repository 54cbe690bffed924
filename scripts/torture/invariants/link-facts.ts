import { normaliseAddress } from '../../../src/domain/mail.ts'
import { isFreeMail } from '../../../src/adapters/linking/free-mail.ts'
import type { RecordRef } from '../../../src/domain/linking/events.ts'
import {
  companyFacts,
  contactFacts,
  factsFrom,
  type Facts,
  type KnownCompany,
  type KnownContact,
} from '../../../src/domain/linking/facts.ts'
import { isReference, peopleOf, referencesOf, type Subject } from '../../../src/domain/linking/keys.ts'
import { linksAfter, noLinks, type Links } from '../../../src/domain/linking/links.ts'
import type { Rules } from '../../../src/domain/linking/match.ts'
import { mayAnswer } from '../../../src/domain/sync/answers.ts'
import { ofType, type Logged } from '../evidence.ts'

/** What is recorded of each message's links, by its id. */
export const recordedLinks = (events: readonly Logged[]): Map<string, Links> => {
  const links = new Map<string, Links>()
  for (const event of ofType(
    events,
    'MessageMatched',
    'MessageLinked',
    'MessageUnlinked',
    'LinkDecisionUndone',
  )) {
    const { messageId } = event.data
    links.set(messageId, linksAfter(links.get(messageId) ?? noLinks, event))
  }
  return links
}

/** All that was synced, as it is matched; an email of ours would be its own message. */
export const subjectsIn = (events: readonly Logged[]): Subject[] =>
  ofType(events, 'MessageSynced').map(({ data: { messageId, accountId, header, automatic } }) => ({
    messageId,
    accountId,
    people: peopleOf([...header.from, ...header.replyTo, ...header.to, ...header.cc]),
    references: referencesOf(header.inReplyTo, header.references),
    machine: !mayAnswer(automatic),
    about: { contactId: null, dealId: null },
  }))

export const deletedIn = (events: readonly Logged[]): ReadonlySet<string> => {
  const deleted = new Set<string>()
  for (const { type, data } of ofType(events, 'MessageDeleted', 'MessageRestored'))
    if (type === 'MessageDeleted') deleted.add(data.messageId)
    else deleted.delete(data.messageId)
  return deleted
}

export const rulesIn = (events: readonly Logged[]): Map<string, Rules> =>
  new Map(
    ofType(events, 'AccountConnected', 'AccountSettingsChanged').map(({ data: { accountId, settings } }) => [
      accountId,
      { autoLink: settings.autoLink, ...settings.linkRules },
    ]),
  )

/** The directory as it is, from nothing but its events. */
export const factsIn = (events: readonly Logged[], links: ReadonlyMap<string, Links>): Facts => {
  const contacts = new Map<string, KnownContact>()
  const companies = new Map<string, KnownCompany>()
  for (const { type, data } of ofType(
    events,
    'ContactRecorded',
    'ContactRemoved',
    'ContactMerged',
    'CompanyRecorded',
  ))
    if (type === 'ContactRecorded') contacts.set(data.contactId, contactFacts(data.contactId, data.contact))
    else if (type === 'CompanyRecorded')
      companies.set(data.companyId, companyFacts(data.companyId, data.company))
    else contacts.delete(data.contactId)
  const ownAddresses = ofType(events, 'AccountConnected').map(({ data }) => normaliseAddress(data.address))
  const deals = ofType(events, 'MessageSynced').flatMap(({ data: { messageId, header } }) =>
    dealsOf(links.get(messageId)).flatMap((dealId) =>
      isReference(header.messageId) ? [{ header: header.messageId, messageId, dealId }] : [],
    ),
  )
  return factsFrom(
    {
      contacts: [...contacts.values()],
      companies: [...companies.values()],
      senders: [],
      ownAddresses,
      ownDomains: [],
      deals,
    },
    isFreeMail,
  )
}

const dealsOf = (links: Links = noLinks): string[] =>
  links.linked.flatMap(({ kind, id }: RecordRef) => (kind === 'deal' ? [id] : []))
