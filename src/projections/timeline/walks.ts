import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { RecordRef } from '../../domain/linking/events.ts'
import { sortsOf, type KindFilter } from '../../domain/timeline/kinds.ts'
import { allOf, isWithin, schemaOf, type Span } from '../projection.ts'
import { timeline } from './entries.ts'
import { mergedWith } from './merged-contacts.ts'
import type { VisibleAccounts } from './visible-entry.ts'

/** Whose timeline it is. Of a thread it is that of its messages. */
export type TimelineOf =
  | RecordRef
  | { readonly kind: 'account'; readonly id: string }
  | { readonly kind: 'messages'; readonly ids: readonly string[] }

export type TimelineFilter = {
  readonly userId: string | null
  readonly accountId?: string | undefined
} & KindFilter &
  Span

/** Of which accounts a user sees the mail, and of which more than what was sent and received. */
export type Seen = { readonly visible: VisibleAccounts; readonly usable: readonly string[] | 'all' }

export const tableNamed = (name: keyof typeof timeline.tables): RawBuilder<unknown> =>
  sql.table(`${schemaOf(timeline)}.${name}`)

export const isSort = (filter: TimelineFilter): RawBuilder<boolean> => {
  const { ofAccounts, ofCrm } = sortsOf(filter)
  return sql`sort = any(${[...ofAccounts, ...ofCrm]}::text[])`
}

/** What is asked for beside sorts, which have ranges of their own. */
export const isAsked = ({ direction, accountId, from, to }: TimelineFilter): RawBuilder<boolean> =>
  allOf([
    isWithin('at', { from, to }),
    direction !== undefined && sql`direction = ${direction}`,
    accountId !== undefined && sql`account_id = ${accountId}`,
  ])

/**
 * What was not sent or received is for those who may use the account; entries of the CRM are of no account. Not said of
 * the column itself, or else all entries of these accounts are read by it, and not the range that is in order.
 */
export const isVisible = ({ visible, usable }: Seen): RawBuilder<boolean> => {
  if (visible === 'all' || usable === 'all') return sql`true`
  const account = sql`coalesce(account_id, '')`
  return sql`(${account} = any(${['', ...usable]}::text[])
    or not inward and ${account} = any(${[...visible.keys()]}::text[]))`
}

/** Ranges of an index; `where` says how their columns are in the table. */
export type Walks = {
  readonly table: RawBuilder<unknown>
  readonly where: RawBuilder<boolean>
  readonly ranges: readonly { readonly id: string; readonly account?: string; readonly sort?: string }[]
}

/** As many accounts have ranges of their own; of more, entries of all accounts are looked through. */
const ACCOUNTS_APART = 8

const accountsSeen = (
  { accountId }: TimelineFilter,
  { visible, usable }: Seen,
): readonly string[] | 'all' => {
  if (visible === 'all' || usable === 'all') return accountId === undefined ? 'all' : [accountId]
  const seen = new Set([...visible.keys(), ...usable])
  if (accountId === undefined) return [...seen]
  return seen.has(accountId) ? [accountId] : []
}

/**
 * The ranges in which the entries of a timeline are, newest first: one for each sort of entries, for each account where
 * these are few, and for each contact that was merged into this one.
 */
export const walksOf = async (
  db: Kysely<unknown>,
  of: TimelineOf,
  filter: TimelineFilter,
  seen: Seen,
): Promise<Walks> => {
  const { ofAccounts, ofCrm } = sortsOf(filter)
  const accounts = accountsSeen(filter, seen)
  const each = (ids: readonly string[], sorts: readonly string[]) =>
    ids.flatMap((id) => sorts.map((sort) => ({ id, sort })))
  switch (of.kind) {
    case 'account': {
      const ids = accounts === 'all' || accounts.includes(of.id) ? [of.id] : []
      const where = sql<boolean>`shown and account_id = walk.id and sort = walk.sort`
      return { table: tableNamed('entry'), where, ranges: each(ids, ofAccounts) }
    }
    case 'messages': {
      const where = sql<boolean>`shown and message_id = walk.id and ${isSort(filter)}`
      return { table: tableNamed('entry'), where, ranges: of.ids.map((id) => ({ id })) }
    }
    case 'contact':
    case 'company':
    case 'deal': {
      const ids = of.kind === 'contact' ? await mergedWith(db, of.id) : [of.id]
      const table = tableNamed('on_record')
      const isOf = sql`shown and record_kind = ${of.kind} and record_id = walk.id and sort = walk.sort`
      if (accounts === 'all' || accounts.length > ACCOUNTS_APART)
        return { table, where: sql`${isOf}`, ranges: each(ids, [...ofAccounts, ...ofCrm]) }
      const ofMail = each(ids, ofAccounts).flatMap((range) =>
        accounts.map((account) => ({ ...range, account })),
      )
      const ofNotes = filter.accountId === undefined ? each(ids, ofCrm) : []
      const ranges = [...ofMail, ...ofNotes.map((range) => ({ ...range, account: '' }))]
      return { table, where: sql`${isOf} and account_id = walk.account`, ranges }
    }
  }
}
