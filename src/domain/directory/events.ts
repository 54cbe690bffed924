import { z } from 'zod'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { address, domain, normaliseAddress, oneLine } from '../mail.ts'
import { visibility } from '../visibility.ts'

/** The CRM's own id of a record. Never an address: ids are part of stream names. */
export const crmId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'must have at most 64 letters, digits, dots, hyphens and underscores',
  )
  .describe('Id of the record in the CRM')

const line = (limit: number) =>
  z
    .string()
    .trim()
    .max(limit)
    .regex(...oneLine)

/** Most addresses of a contact. */
export const MOST_EMAILS = 20

/** Each address once, as it is written first. */
const distinctAddresses = (addresses: readonly string[]): string[] => {
  const distinct = new Map<string, string>()
  for (const each of addresses)
    if (!distinct.has(normaliseAddress(each))) distinct.set(normaliseAddress(each), each)
  return [...distinct.values()]
}
const distinct = (values: readonly string[]): string[] => [...new Set(values)]

const ownerId = crmId.optional().describe('The user of the CRM whose it is')
const territory = line(100).optional().describe('As the CRM calls it')
const domains = z.array(domain).max(20).overwrite(distinct)

export const user = z.object({
  name: line(200).min(1),
  email: address.optional(),
  title: line(200).optional(),
  phone: line(100).optional(),
  timeZone: line(64)
    .optional()
    .describe("A name of the IANA time zone database; the organisation's if it is left out"),
})
export const contact = z.object({
  firstName: line(100).optional(),
  lastName: line(100).optional(),
  emails: z.array(address).max(MOST_EMAILS).overwrite(distinctAddresses).default([]),
  title: line(200).optional(),
  phone: line(100).optional(),
  companyId: crmId.optional(),
  ownerId,
  territory,
  product: line(100).optional().describe('What the contact is interested in, as the CRM calls it'),
  optOut: z
    .boolean()
    .optional()
    .describe('Whether email to this contact is never tracked, whatever the settings say'),
})
export const company = z.object({ name: line(200).min(1), domains: domains.default([]), ownerId, territory })
export const deal = z.object({
  name: line(200).min(1),
  companyId: crmId.optional(),
  contactIds: z
    .array(crmId)
    .max(100)
    .overwrite(distinct)
    .optional()
    .describe('The contacts in the CRM who take part'),
  stage: line(100).optional().describe('As the CRM calls it'),
  ownerId,
  amount: line(50).optional(),
})
/** `timeZone` is an IANA name: reports split days by it. */
export const organization = z.object({
  name: line(200).min(1),
  timeZone: line(64).default('UTC'),
  domains: domains
    .optional()
    .describe("The organisation's own Internet domains: mail is never linked by them"),
  visibilityDefault: visibility
    .default('nothing')
    .describe("How much other users see of the mail of a user's account that chooses nothing itself"),
  visibilityFloor: visibility
    .default('nothing')
    .describe("The least that other users see of the mail of any user's account, whatever it chooses"),
  notificationsFrom: idOf('acc')
    .optional()
    .describe('The email account from which notifications and digests are mailed; without one, none are'),
  crmUrl: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .optional()
    .describe('Where people open the CRM: notifications that are mailed lead there'),
})

export type User = z.infer<typeof user>
export type Contact = z.infer<typeof contact>
export type Company = z.infer<typeof company>
export type Deal = z.infer<typeof deal>
export type Organization = z.infer<typeof organization>

export const UserRecorded = defineEvent('UserRecorded', z.object({ userId: crmId, user }))
export const UserRemoved = defineEvent('UserRemoved', z.object({ userId: crmId }))
/** `takenFrom`: the contact that is being merged into this one, which takes its addresses. */
export const ContactRecorded = defineEvent(
  'ContactRecorded',
  z.object({ contactId: crmId, contact, takenFrom: crmId.optional() }),
)
/** The contact is gone, and its id leads to `into`. */
export const ContactMerged = defineEvent('ContactMerged', z.object({ contactId: crmId, into: crmId }))
export const ContactRemoved = defineEvent('ContactRemoved', z.object({ contactId: crmId }))
export const CompanyRecorded = defineEvent('CompanyRecorded', z.object({ companyId: crmId, company }))
export const CompanyRemoved = defineEvent('CompanyRemoved', z.object({ companyId: crmId }))
export const DealRecorded = defineEvent('DealRecorded', z.object({ dealId: crmId, deal }))
export const DealRemoved = defineEvent('DealRemoved', z.object({ dealId: crmId }))
export const OrganizationRecorded = defineEvent('OrganizationRecorded', z.object({ organization }))

export const directoryEvents = [
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
] as const
export type DirectoryEvent = EventOf<(typeof directoryEvents)[number]>
