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
  | 'last_at'
>

/** Of a thread in which no message is left. */
export const noTotals = (at: string): Totals => ({
  messages: 0,
  automatic: true,
  subject: '',
  base_subject: '',
  snippet: '',
  direction: 'in',
  people: [],
  first_at: at,
  last_at: at,
})

/** With one message more. */
export const including = <T extends Totals>(totals: T, { at, shown }: Member): T => {
  const isOnly = totals.messages === 0
  const isFirst = isOnly || at < totals.first_at
  const isLast = isOnly || at >= totals.last_at
  const { subject, snippet, direction, automatic } = shown
  return {
    ...totals,
    messages: totals.messages + 1,
    automatic: (isOnly || totals.automatic) && automatic,
    people: together(totals.people, shown.people),
    ...(isFirst && { first_at: at, subject, base_subject: keyOf(baseSubject(subject)) }),
    ...(isLast && { last_at: at, snippet, direction }),
  }
}

/** Those of two threads in one. */
export const combined = (one: Totals, other: Totals): Totals => {
  if (one.messages === 0) return totalsIn(other)
  if (other.messages === 0) return totalsIn(one)
  const older = other.first_at < one.first_at ? other : one
  const newer = other.last_at > one.last_at ? other : one
  const { subject, base_subject, first_at } = older
  const { snippet, direction, last_at } = newer
  return {
    messages: one.messages + other.messages,
    automatic: one.automatic && other.automatic,
    people: together(one.people, other.people),
    subject,
    base_subject,
    first_at,
    snippet,
    direction,
    last_at,
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
  last_at: totals.last_at,
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
