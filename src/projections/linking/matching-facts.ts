import type {
  AccountConnected,
  AccountSettings,
  AccountSettingsChanged,
} from '../../domain/accounts/events.ts'
import type { DirectoryEvent } from '../../domain/directory/events.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { SenderEvent } from '../../domain/linking/events.ts'
import {
  companyFacts,
  contactFacts,
  contactKeys,
  type KnownCompany,
  type KnownContact,
} from '../../domain/linking/facts.ts'
import { accountKey, addressKey, domainKey } from '../../domain/linking/keys.ts'
import { isAmong } from '../../domain/linking/links.ts'
import type { Rules } from '../../domain/linking/match.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { touch } from './matching-subjects.ts'
import type { MatchingRows } from './matching.ts'

type FactEvent =
  | DirectoryEvent
  | SenderEvent
  | EventOf<typeof AccountConnected | typeof AccountSettingsChanged>

/** Keeps what messages are matched by, and notes under which keys it changed. */
export const foldFact = (event: RecordedEvent<FactEvent>, rows: MatchingRows): void => {
  const touched = (keys: readonly string[]): void => touch(rows, keys, event.position)
  switch (event.type) {
    case 'ContactRecorded':
      return touched(
        putContact(rows, event.data.contactId, contactFacts(event.data.contactId, event.data.contact)),
      )
    case 'ContactRemoved':
    case 'ContactMerged':
      return touched(putContact(rows, event.data.contactId, null))
    case 'CompanyRecorded':
      return touched(
        putCompany(rows, event.data.companyId, companyFacts(event.data.companyId, event.data.company)),
      )
    case 'CompanyRemoved':
      return touched(putCompany(rows, event.data.companyId, null))
    case 'OrganizationRecorded':
      return touched(putOwnDomains(rows, event.data.organization.domains ?? []))
    case 'UserRecorded':
      return touched(putUser(rows, event.data.userId, event.data.user.email ?? null))
    case 'UserRemoved':
      return touched(putUser(rows, event.data.userId, null))
    case 'AccountConnected': {
      const { accountId, address, settings } = event.data
      rows.put('account', { id: accountId, rules: rulesOf(settings) })
      return touched(addOwn(rows, normaliseAddress(address), accountId))
    }
    case 'AccountSettingsChanged': {
      const { accountId, settings } = event.data
      const before = rows.get('account', { id: accountId })?.rules
      const rules = rulesOf(settings)
      if (before !== undefined && sameRules(before, rules)) return
      rows.put('account', { id: accountId, rules })
      return touched([accountKey(accountId)])
    }
    case 'SenderAssigned':
    case 'SenderUnassigned': {
      const { address, record } = event.data
      const before = rows.get('sender', { address })?.records ?? []
      const others = before.filter((each) => !isAmong(each, [record]))
      const records = event.type === 'SenderAssigned' ? [...others, record] : others
      if (records.length === 0) rows.remove('sender', { address })
      else rows.put('sender', { address, records })
      return touched([addressKey(address)])
    }
    case 'DealRecorded':
    case 'DealRemoved':
      return
  }
}

const rulesOf = ({ autoLink, linkRules }: AccountSettings): Rules => ({ autoLink, ...linkRules })

const sameRules = (a: Rules, b: Rules): boolean =>
  a.autoLink === b.autoLink &&
  a.byAddress === b.byAddress &&
  a.byName === b.byName &&
  a.byDomain === b.byDomain &&
  a.confirmAll === b.confirmAll

const same = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n')

/** Returns the keys under which something changed; none where it is as before. */
const putContact = (rows: MatchingRows, id: string, next: KnownContact | null): string[] => {
  const row = rows.get('contact', { id })
  const isSame =
    row !== undefined &&
    next !== null &&
    same(row.emails, next.emails) &&
    row.name === next.name &&
    row.company_id === next.companyId
  if (isSame) return []
  if (row) {
    for (const address of row.emails) rows.remove('contact_address', { address, contact_id: id })
    if (row.name !== null) rows.remove('contact_name', { name: row.name, contact_id: id })
  }
  if (next) {
    rows.put('contact', { id, emails: [...next.emails], name: next.name, company_id: next.companyId })
    for (const address of next.emails) rows.put('contact_address', { address, contact_id: id })
    if (next.name !== null) rows.put('contact_name', { name: next.name, contact_id: id })
  } else rows.remove('contact', { id })
  return [...(row ? contactKeys(row) : []), ...(next ? contactKeys(next) : [])]
}

const putCompany = (rows: MatchingRows, id: string, next: KnownCompany | null): string[] => {
  const before = rows.get('company', { id })?.domains ?? []
  const domains = next?.domains ?? []
  for (const domain of before) rows.remove('company_domain', { domain, company_id: id })
  for (const domain of domains) rows.put('company_domain', { domain, company_id: id })
  if (next) rows.put('company', { id, domains: [...domains] })
  else rows.remove('company', { id })
  return same(before, domains) ? [] : [...before, ...domains].map(domainKey)
}

const putOwnDomains = (rows: MatchingRows, written: readonly string[]): string[] => {
  const domains = written.map((domain) => domain.toLowerCase())
  const before = rows.get('own_domains', { id: 'main' })?.domains ?? []
  rows.put('own_domains', { id: 'main', domains })
  return same(before, domains) ? [] : [...before, ...domains].map(domainKey)
}

const putUser = (rows: MatchingRows, userId: string, email: string | null): string[] => {
  const id = `user ${userId}`
  const address = email === null ? null : normaliseAddress(email)
  const before = rows.get('user', { id })?.address ?? null
  if (before === address) return []
  rows.put('user', { id, address })
  return [
    ...(before === null ? [] : removeOwn(rows, before, id)),
    ...(address === null ? [] : addOwn(rows, address, id)),
  ]
}

const addOwn = (rows: MatchingRows, address: string, by: string): string[] => {
  const whose = rows.get('own_address', { address })?.whose ?? []
  if (!whose.includes(by)) rows.put('own_address', { address, whose: [...whose, by] })
  return whose.length === 0 ? [addressKey(address)] : []
}

const removeOwn = (rows: MatchingRows, address: string, by: string): string[] => {
  const whose = rows.get('own_address', { address })?.whose.filter((other) => other !== by) ?? []
  if (whose.length > 0) rows.put('own_address', { address, whose })
  else rows.remove('own_address', { address })
  return whose.length === 0 ? [addressKey(address)] : []
}
