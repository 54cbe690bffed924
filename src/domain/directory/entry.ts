import type { Decider } from '../decider.ts'
import {
  CompanyRecorded,
  CompanyRemoved,
  ContactRecorded,
  ContactRemoved,
  DealRecorded,
  DealRemoved,
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

// ---------------------------------------------------------------- commands

export type EntryCommand =
  | { readonly do: 'put'; readonly entry: Entry }
  | { readonly do: 'remove'; readonly kind: Exclude<Entry['kind'], 'organization'>; readonly id: string }

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
    case 'UserRemoved':
    case 'ContactRemoved':
    case 'CompanyRemoved':
    case 'DealRemoved':
      return { status: 'absent' }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: EntryCommand, state: EntryState): DirectoryEvent[] => {
  if (command.do === 'remove') return state.status === 'absent' ? [] : [removed(command.kind, command.id)]
  return state.status === 'present' && equal(state.value, command.entry.value)
    ? []
    : [recorded(command.entry)]
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

const removed = (kind: Exclude<Entry['kind'], 'organization'>, id: string): DirectoryEvent => {
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
