import type { LinkRules } from '../accounts/events.ts'
import { domainOf } from '../mail.ts'
import { linkRuleNames, type Link, type RecordRef } from './events.ts'
import type { Facts, KnownContact } from './facts.ts'
import { domainsAbove, nameKey, untagged, type Subject } from './keys.ts'
import { recordKey } from './links.ts'

/** Version of the rules: raise it with every change of what they give. */
export const MATCHER = 1

/** An account's own settings; `autoLink` off: no rule links or suggests anything. */
export type Rules = LinkRules & { readonly autoLink: boolean }

export type Matched = { readonly links: readonly Link[]; readonly suggestions: readonly Link[] }

const MOST_LINKS = 200
const MOST_SUGGESTIONS = 100

/**
 * What a message belongs to, by the rules. For each person on it: what somebody assigned to the address; or else the
 * contact with the address (several are suggested) and that contact's company; or else the contact with the name, which
 * is linked where its company has the domain of the address and no other contact is left, and suggested otherwise. And the
 * company of the domain, unless anybody can have an address there or it is our own. A reply has the deal of what it
 * answers. With `confirmAll` only what somebody said before is linked, and the rest is suggested. The order of facts does
 * not matter.
 */
export const match = (subject: Subject, facts: Facts, rules: Rules): Matched => {
  if (!rules.autoLink) return { links: [], suggestions: [] }
  const found = [
    ...aboutRecords(subject),
    ...ofThread(subject, facts),
    ...subject.people
      .filter(({ address }) => !facts.ownAddresses.has(address))
      .flatMap((person) => ofPerson(person, subject, facts, rules)),
  ]
  const isLink = ({ rule, confidence }: Link): boolean =>
    confidence !== 'possible' && (!rules.confirmAll || rule === 'sender' || rule === 'sent-about')
  const links = strongest(found.filter(isLink)).slice(0, MOST_LINKS)
  const linked = new Set(links.map(({ record }) => recordKey(record)))
  const open = found.filter((each) => !isLink(each) && !linked.has(recordKey(each.record)))
  return { links, suggestions: strongest(open).slice(0, MOST_SUGGESTIONS) }
}

/** The best reason for each record, the strongest first. */
const strongest = (found: readonly Link[]): Link[] => {
  const best = new Map<string, Link>()
  for (const each of found.toSorted(byStrength))
    if (!best.has(recordKey(each.record))) best.set(recordKey(each.record), each)
  return [...best.values()]
}

const CONFIDENCES = ['certain', 'probable', 'possible'] as const

const byStrength = (a: Link, b: Link): number =>
  linkRuleNames.indexOf(a.rule) - linkRuleNames.indexOf(b.rule) ||
  CONFIDENCES.indexOf(a.confidence) - CONFIDENCES.indexOf(b.confidence) ||
  inOrder(recordKey(a.record), recordKey(b.record)) ||
  inOrder(a.evidence, b.evidence)

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const contactRef = (id: string): RecordRef => ({ kind: 'contact', id })
const companyRef = (id: string): RecordRef => ({ kind: 'company', id })
const dealRef = (id: string): RecordRef => ({ kind: 'deal', id })

const aboutRecords = ({ about, messageId }: Subject): Link[] =>
  [
    ...(about.contactId === null ? [] : [contactRef(about.contactId)]),
    ...(about.dealId === null ? [] : [dealRef(about.dealId)]),
  ].map((record) => ({ record, rule: 'sent-about', evidence: messageId, confidence: 'certain' }))

const ofThread = ({ references, messageId }: Subject, { dealsOf }: Facts): Link[] =>
  references
    .flatMap((header) => dealsOf.get(header) ?? [])
    .filter((deal) => deal.messageId !== messageId)
    .map((deal) => ({
      record: dealRef(deal.dealId),
      rule: 'thread',
      evidence: deal.messageId,
      confidence: 'probable',
    }))

type Person = Subject['people'][number]

const ofPerson = (person: Person, subject: Subject, facts: Facts, rules: Rules): Link[] => {
  const { address } = person
  const assigned = facts.assigned.get(address) ?? []
  const chosen = assigned.flatMap((record): Link[] => {
    const by = { rule: 'sender', evidence: address, confidence: 'certain' } as const
    const contact = record.kind === 'contact' ? facts.contact.get(record.id) : undefined
    return [{ record, ...by }, ...companyOf(contact, by)]
  })
  const hasContact = assigned.some(({ kind }) => kind === 'contact')
  const contacts = hasContact ? [] : contactsOf(person, subject, facts, rules)
  const found = [...chosen, ...contacts]
  const hasCompany = found.some(({ record, rule }) => record.kind === 'company' && rule !== 'name')
  return rules.byDomain && !hasCompany ? [...found, ...companiesOf(address, facts)] : found
}

const contactsOf = (person: Person, subject: Subject, facts: Facts, rules: Rules): Link[] => {
  const known = rules.byAddress ? ofAddress(person.address, facts) : []
  return known.length > 0 || !rules.byName || subject.machine ? known : ofName(person, facts)
}

const ofAddress = (address: string, { byAddress }: Facts): Link[] => {
  const exact = byAddress.get(address) ?? []
  const plain = untagged(address)
  const candidates = exact.length > 0 || plain === null ? exact : (byAddress.get(plain) ?? [])
  const [only, ...others] = candidates
  if (only === undefined) return []
  const by = { rule: 'address', evidence: address } as const
  if (others.length > 0)
    return candidates.map(({ id }) => ({ record: contactRef(id), ...by, confidence: 'possible' }))
  const confidence = exact.length > 0 ? 'certain' : 'probable'
  return [{ record: contactRef(only.id), ...by, confidence }, ...companyOf(only, { ...by, confidence })]
}

/** A contact's company goes with the contact. */
const companyOf = (
  contact: KnownContact | undefined,
  { rule, confidence }: Pick<Link, 'rule' | 'confidence'>,
): Link[] =>
  contact === undefined || contact.companyId === null
    ? []
    : [{ record: companyRef(contact.companyId), rule, evidence: `contact:${contact.id}`, confidence }]

const ofName = ({ address, name }: Person, facts: Facts): Link[] => {
  const key = name === null ? null : nameKey(name)
  const candidates = key === null ? [] : (facts.byName.get(key) ?? [])
  const domains = companyDomains(address, facts)
  const agrees = ({ companyId }: KnownContact): boolean =>
    companyId !== null &&
    (facts.company.get(companyId)?.domains ?? []).some((domain) => domains.includes(domain))
  const agreeing = candidates.filter(agrees)
  return candidates.map((contact) => ({
    record: contactRef(contact.id),
    rule: 'name',
    evidence: name ?? '',
    confidence: agreeing.length === 1 && agreeing[0] === contact ? 'probable' : 'possible',
  }))
}

/** The domains, the longest first, by which an address can belong to a company: none where its own or one above is free. */
const companyDomains = (address: string, { isFreeMail, ownDomains }: Facts): string[] => {
  const domains = domainsAbove(domainOf(address))
  return domains.some((domain) => isFreeMail(domain) || ownDomains.has(domain)) ? [] : domains
}

const companiesOf = (address: string, facts: Facts): Link[] => {
  for (const domain of companyDomains(address, facts)) {
    const companies = facts.byDomain.get(domain) ?? []
    const confidence = companies.length === 1 ? 'probable' : 'possible'
    if (companies.length > 0)
      return companies.map(({ id }) => ({
        record: companyRef(id),
        rule: 'domain',
        evidence: domain,
        confidence,
      }))
  }
  return []
}
