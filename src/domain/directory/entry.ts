import { NotFound, type Decider } from '../decider.ts'
import { normaliseAddress } from '../mail.ts'
import { defineRefusal } from '../refusal.ts'
import {
  CompanyRecorded,
  CompanyRemoved,
  ContactMerged,
  ContactRecorded,
  ContactRemoved,
  DealRecorded,
  DealRemoved,
  MOST_EMAILS,
  OrganizationRecorded,
  UserRecorded,
  UserRemoved,
  type Company,
  type Contact,
  type Deal,
  type DirectoryEvent,
  type Organization,
  type User,
} from './events.ts'

// ---------------------------------------------------------------- state

/** A record of the CRM, under the CRM's own id. The CRM is the master; we only remember what it puts. */
export type Entry =
  | { readonly kind: 'user'; readonly id: string; readonly value: User }
  | { readonly kind: 'contact'; readonly id: string; readonly value: Contact }
  | { readonly kind: 'company'; readonly id: string; readonly value: Company }
  | { readonly kind: 'deal'; readonly id: string; readonly value: Deal }
  | { readonly kind: 'organization'; readonly id: 'main'; readonly value: Organization }

export type EntryState =
  | { readonly status: 'absent' }
  | { readonly status: 'present'; readonly value: Entry['value'] }
  /** A contact that is gone: its id leads to the contact `into`. */
  | { readonly status: 'merged'; readonly into: string }

// ---------------------------------------------------------------- commands

export type EntryCommand =
  | { readonly do: 'put'; readonly entry: Entry }
  | { readonly do: 'remove'; readonly kind: RemovableKind; readonly id: string }
  /** Gives the contact `id` the addresses of the contact `from`, which is about to be merged into it, and its opt-out. */
  | { readonly do: 'take'; readonly id: string; readonly from: string; readonly contact: Contact }
  | { readonly do: 'merge'; readonly id: string; readonly into: string }

export type RemovableKind = Exclude<Entry['kind'], 'organization'>

// ---------------------------------------------------------------- evolve

const evolve = (_state: EntryState, event: DirectoryEvent): EntryState => {
  switch (event.type) {
    case 'UserRecorded':
      return { status: 'present', value: event.data.user }
    case 'ContactRecorded':
      return { status: 'present', value: event.data.contact }
    case 'CompanyRecorded':
      return { status: 'present', value: event.data.company }
    case 'DealRecorded':
      return { status: 'present', value: event.data.deal }
    case 'OrganizationRecorded':
      return { status: 'present', value: event.data.organization }
    case 'ContactMerged':
      return { status: 'merged', into: event.data.into }
    case 'UserRemoved':
    case 'ContactRemoved':
    case 'CompanyRemoved':
    case 'DealRemoved':
      return { status: 'absent' }
  }
}

// ---------------------------------------------------------------- decide

export const contactMerged = defineRefusal('contact-merged', {
  title: 'Contact merged',
  meaning: 'The contact was merged into another one.',
  remedy:
    'Use the contact that it was merged into. To make this id a contact of its own again, delete it and then create it.',
})
const tooManyAddresses = defineRefusal('too-many-addresses', {
  title: 'Too many addresses',
  meaning: `The two contacts have more than ${MOST_EMAILS} addresses together.`,
  remedy: 'Remove addresses that are no longer used, and merge the contacts again.',
})

const decide = (command: EntryCommand, state: EntryState): DirectoryEvent[] => {
  switch (command.do) {
    case 'put':
      refuseMerged(state)
      return state.status === 'present' && equal(state.value, command.entry.value)
        ? []
        : [recorded(command.entry)]
    case 'remove':
      return state.status === 'absent' ? [] : [removed(command.kind, command.id)]
    case 'take': {
      const contact = withAddressesOf(contactIn(state, command.id), command.contact)
      return [ContactRecorded({ contactId: command.id, contact, takenFrom: command.from })]
    }
    case 'merge':
      if (state.status === 'merged' && state.into === command.into) return []
      contactIn(state, command.id)
      return [ContactMerged({ contactId: command.id, into: command.into })]
  }
}

const refuseMerged = (state: EntryState): void => {
  if (state.status === 'merged')
    throw contactMerged({
      detail: `The contact was merged into ${state.into}.`,
      details: { into: state.into },
    })
}

/** @throws NotFound, or Refused if it was merged */
const contactIn = (state: EntryState, id: string): Contact => {
  refuseMerged(state)
  if (state.status !== 'present') throw new NotFound('contact', id)
  // The stream's own name guarantees the kind.
  return state.value as Contact
}

/** Also opted out of tracking if the other was: what somebody refused stays refused. */
const withAddressesOf = (contact: Contact, other: Contact): Contact => {
  const had = new Set(contact.emails.map(normaliseAddress))
  const emails = [...contact.emails, ...other.emails.filter((each) => !had.has(normaliseAddress(each)))]
  if (emails.length > MOST_EMAILS) throw tooManyAddresses()
  return { ...contact, emails, ...(other.optOut ? { optOut: true } : {}) }
}

const recorded = (entry: Entry): DirectoryEvent => {
  switch (entry.kind) {
    case 'user':
      return UserRecorded({ userId: entry.id, user: entry.value })
    case 'contact':
      return ContactRecorded({ contactId: entry.id, contact: entry.value })
    case 'company':
      return CompanyRecorded({ companyId: entry.id, company: entry.value })
    case 'deal':
      return DealRecorded({ dealId: entry.id, deal: entry.value })
    case 'organization':
      return OrganizationRecorded({ organization: entry.value })
  }
}

const removed = (kind: RemovableKind, id: string): DirectoryEvent => {
  switch (kind) {
    case 'user':
      return UserRemoved({ userId: id })
    case 'contact':
      return ContactRemoved({ contactId: id })
    case 'company':
      return CompanyRemoved({ companyId: id })
    case 'deal':
      return DealRemoved({ dealId: id })
  }
}

const equal = (a: object, b: object): boolean => canonical(a) === canonical(b)
const canonical = (value: object): string =>
  JSON.stringify(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )

export const entry: Decider<EntryState, EntryCommand, DirectoryEvent> = {
  initial: { status: 'absent' },
  evolve,
  decide,
}

/** Whether the record is there: one that was removed is not, though its stream is. */
export const isThere = (state: EntryState): boolean => state.status === 'present'

/** `contact-<id>` and so on; the organisation's is `organization-main`. */
export const entryStream = (kind: Entry['kind'], id: string): string => `${kind}-${id}`
