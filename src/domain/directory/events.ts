import { z } from 'zod'
import { defineEvent, type EventOf } from '../event.ts'
import { oneLine } from '../mail.ts'
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

export const user = z.object({
  name: line(200).min(1),
  email: line(254).optional(),
  title: line(200).optional(),
  phone: line(100).optional(),
})
export const contact = z.object({
  firstName: line(100).optional(),
  lastName: line(100).optional(),
  emails: z.array(line(254)).max(20).default([]),
  title: line(200).optional(),
  phone: line(100).optional(),
  companyId: crmId.optional(),
})
export const company = z.object({ name: line(200).min(1), domains: z.array(line(253)).max(20).default([]) })
export const deal = z.object({
  name: line(200).min(1),
  companyId: crmId.optional(),
  amount: line(50).optional(),
})
/** `timeZone` is an IANA name: reports split days by it. */
export const organization = z.object({
  name: line(200).min(1),
  timeZone: line(64).default('UTC'),
  visibilityDefault: visibility
    .default('nothing')
    .describe("How much other users see of the mail of a user's account that chooses nothing itself"),
  visibilityFloor: visibility
    .default('nothing')
    .describe("The least that other users see of the mail of any user's account, whatever it chooses"),
})

export type User = z.infer<typeof user>
export type Contact = z.infer<typeof contact>
export type Company = z.infer<typeof company>
export type Deal = z.infer<typeof deal>
export type Organization = z.infer<typeof organization>

export const UserRecorded = defineEvent('UserRecorded', z.object({ userId: crmId, user }))
export const UserRemoved = defineEvent('UserRemoved', z.object({ userId: crmId }))
export const ContactRecorded = defineEvent('ContactRecorded', z.object({ contactId: crmId, contact }))
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
  ContactRemoved,
  CompanyRecorded,
  CompanyRemoved,
  DealRecorded,
  DealRemoved,
  OrganizationRecorded,
] as const
export type DirectoryEvent = EventOf<(typeof directoryEvents)[number]>
