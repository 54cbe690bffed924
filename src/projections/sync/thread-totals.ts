import { normaliseAddress, type WrittenMailbox } from '../../domain/mail.ts'
import { baseSubject } from '../../domain/sending/reply-prefix.ts'
import { keyOf } from './messages.ts'
import type { Member, ThreadRow } from './thread-tables.ts'

/** What a thread shows of its messages. */
export type Totals = Pick<
  ThreadRow,
  | 'messages'
  | 'automatic'
  | 'subject'
  | 'base_subject'
  | 'snippet'
  | 'direction'
  | 'people'
  | 'first_at'
  | 'first_id'
  | 'last_at'
  | 'last_id'
>

type Moment = Pick<Member, 'at' | 'id'>
const isBefore = (a: Moment, b: Moment): boolean => a.at < b.at || (a.at === b.at && a.id < b.id)
const firstOf = ({ first_at: at, first_id: id }: Totals): Moment => ({ at, id })
const lastOf = ({ last_at: at, last_id: id }: Totals): Moment => ({ at, id })

/** Of a thread in which no message is left. */
export const noTotals = ({ at, id }: Moment): Totals => ({
  messages: 0,
  automatic: true,
  subject: '',
  base_subject: '',
  snippet: '',
  direction: 'in',
  people: [],
  first_at: at,
  first_id: id,
  last_at: at,
  last_id: id,
})

/** With one message more. */
export const including = <T extends Totals>(totals: T, { id, at, shown }: Member): T => {
  const isOnly = totals.messages === 0
  const isFirst = isOnly || isBefore({ at, id }, firstOf(totals))
  const isLast = isOnly || isBefore(lastOf(totals), { at, id })
  const { subject, snippet, direction, automatic } = shown
  return {
    ...totals,
    messages: totals.messages + 1,
    automatic: (isOnly || totals.automatic) && automatic,
    people: together(totals.people, shown.people),
    ...(isFirst && { first_at: at, first_id: id, subject, base_subject: keyOf(baseSubject(subject)) }),
    ...(isLast && { last_at: at, last_id: id, snippet, direction }),
  }
}

/** Those of two threads in one. */
export const combined = (one: Totals, other: Totals): Totals => {
  if (one.messages === 0) return totalsIn(other)
  if (other.messages === 0) return totalsIn(one)
  const older = isBefore(firstOf(other), firstOf(one)) ? other : one
  const newer = isBefore(lastOf(one), lastOf(other)) ? other : one
  const { subject, base_subject, first_at, first_id } = older
  const { snippet, direction, last_at, last_id } = newer
  return {
    messages: one.messages + other.messages,
    automatic: one.automatic && other.automatic,
    people: together(one.people, other.people),
    ...{ subject, base_subject, first_at, first_id },
    ...{ snippet, direction, last_at, last_id },
  }
}

const totalsIn = (totals: Totals): Totals => ({
  messages: totals.messages,
  automatic: totals.automatic,
  subject: totals.subject,
  base_subject: totals.base_subject,
  snippet: totals.snippet,
  direction: totals.direction,
  people: totals.people,
  first_at: totals.first_at,
  first_id: totals.first_id,
  last_at: totals.last_at,
  last_id: totals.last_id,
})

/** As many people of a thread are remembered. */
export const PEOPLE = 50

const together = (known: readonly WrittenMailbox[], more: readonly WrittenMailbox[]): WrittenMailbox[] => {
  const byAddress = new Map<string, WrittenMailbox>()
  for (const person of [...known, ...more]) {
    const address = normaliseAddress(person.address)
    if (address !== '' && !byAddress.has(address) && byAddress.size < PEOPLE) byAddress.set(address, person)
  }
  return [...byAddress.values()]
}
