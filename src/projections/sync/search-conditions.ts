import { sql, type RawBuilder } from 'kysely'
import { schemaOf, type Span } from '../projection.ts'
import { messages } from './messages.ts'

/** What a message must be beside its words; what is undefined narrows nothing. */
export type SearchConditions = Span & {
  /** Queries for the `id`s of what is linked to records; it must be linked to all of them. */
  readonly linked: readonly RawBuilder<unknown>[]
  /** Its path or its role, such as `inbox`. */
  readonly folder: string | undefined
  readonly unread: boolean | undefined
  readonly direction: 'in' | 'out' | undefined
  readonly automatic: boolean | undefined
  /** In these accounts, only what the user sent and the answers to it. */
  readonly ownIn: { readonly accounts: readonly string[]; readonly userId: string } | null
}

/** `holds` of the message `m`. `of`: those of which it may hold, where there may be few. */
type Condition = { readonly holds: RawBuilder<unknown>; readonly of: Fulfilling | null }

/**
 * Messages that fulfil a condition, as a query: for `id` alone, or for `id` and `at` where an index has them in the
 * order of time.
 */
export type Fulfilling = { readonly query: RawBuilder<unknown>; readonly isByTime: boolean }

const tableNamed = (name: keyof typeof messages.tables) => sql.table(`${schemaOf(messages)}.${name}`)

export const conditionsOf = ({
  folder,
  unread,
  direction,
  automatic,
  linked,
  ownIn,
}: SearchConditions): readonly Condition[] => [
  { holds: sql`m.listed`, of: null },
  ...(direction === undefined ? [] : [{ holds: sql`m.direction = ${direction}`, of: null }]),
  ...(automatic === undefined ? [] : [{ holds: sql`(m.automatic is not null) = ${automatic}`, of: null }]),
  ...(ownIn === null
    ? []
    : [
        {
          holds: sql`(m.of_user = ${ownIn.userId} or m.account_id <> all(${[...ownIn.accounts]}::text[]))`,
          of: null,
        },
      ]),
  ...(unread === undefined
    ? []
    : [
        {
          holds: sql`m.unread = ${unread}`,
          of: unread
            ? {
                query: sql`select m.id, m.received_at as at from ${tableNamed('message')} m where m.unread and m.listed`,
                isByTime: true,
              }
            : null,
        },
      ]),
  ...(folder === undefined ? [] : [isInFolder(folder)]),
  ...linked.map((ids) => ({
    holds: sql`exists (select from (${ids}) as linked where linked.id = m.id)`,
    of: { query: ids, isByTime: false },
  })),
]

const isInFolder = (folder: string): Condition => ({
  holds: sql`exists (select from jsonb_to_recordset(m.places) as p (folder text, role text)
    where p.folder = ${folder} or p.role = ${folder.toLowerCase()})`,
  of: {
    query: sql`select l.id from ${tableNamed('folder')} f
      join ${tableNamed('located')} l on l.account_id = f.account_id and l.folder = f.folder
      where f.folder = ${folder} or f.role = ${folder.toLowerCase()}`,
    isByTime: false,
  },
})
