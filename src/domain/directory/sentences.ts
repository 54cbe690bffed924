import type { Sentences } from '../event.ts'
import type { DirectoryEvent } from './events.ts'

export const directorySentences: Sentences<DirectoryEvent> = {
  UserRecorded: ({ userId, user }) => `The CRM recorded the user ${userId}, ${user.name}`,
  UserRemoved: ({ userId }) => `The CRM removed the user ${userId}`,
  ContactRecorded: ({ contactId, contact, takenFrom }) => {
    const name = [contact.firstName, contact.lastName].filter((part) => part !== undefined).join(' ')
    const who = `the contact ${contactId}${name === '' ? '' : `, ${name}`}`
    return takenFrom === undefined
      ? `The CRM recorded ${who}`
      : `The CRM gave ${who} the addresses of the contact ${takenFrom}, which is being merged into it`
  },
  ContactMerged: ({ contactId, into }) => `The CRM merged the contact ${contactId} into ${into}`,
  ContactRemoved: ({ contactId }) => `The CRM removed the contact ${contactId}`,
  CompanyRecorded: ({ companyId, company }) => `The CRM recorded the company ${companyId}, ${company.name}`,
  CompanyRemoved: ({ companyId }) => `The CRM removed the company ${companyId}`,
  DealRecorded: ({ dealId, deal }) => `The CRM recorded the deal ${dealId}, ${deal.name}`,
  DealRemoved: ({ dealId }) => `The CRM removed the deal ${dealId}`,
  OrganizationRecorded: ({ organization }) => `The CRM recorded the organisation, ${organization.name}`,
}
