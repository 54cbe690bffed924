import { sql, type RawBuilder } from 'kysely'
import { schemaOf, type Span } from '../projection.ts'
import { messages } from './messages.ts'

/** What a message must be beside its words; what is undefined narrows nothing. */
export type SearchConditions = Span & {
  /** Queries for the `message_id`s of what is linked to records; it must be linked to all of them. */
  readonly linked: readonly RawBuilder<unknown>[]
  /** Its path or its role, such as `inbox`. */
  readonly folder: string | undefined
  readonly unread: boolean | undefined
  readonly direction: 'in' | 'out' | undefined
  readonly automatic: boolean | undefined
  /** In these accounts, only what the user sent and the answers to it. */
  readonly ownIn: { readonly accounts: readonly string[]; readonly userId: string } | null
}

/** `holds` of the message `m`. `ids`: a query for the ids of all of which it may hold, where there may be few. */
type Condition = { readonly holds: RawBuilder<unknown>; readonly ids: RawBuilder<unknown> | null }

const tableNamed = (name: keyof typeof messages.tables) => sql.table(`${schemaOf(messages)}.${name}`)

export const conditionsOf = ({
  folder,
  unread,
  direction,
  automatic,
  linked,
  ownIn,
}: SearchConditions): readonly Condition[] => [
  { holds: sql`m.listed`, ids: null },
  ...(direction === undefined ? [] : [{ holds: sql`m.direction = ${direction}`, ids: null }]),
  ...(automatic === undefined ? [] : [{ holds: sql`(m.automatic is not null) = ${automatic}`, ids: null }]),
  ...(ownIn === null
    ? []
    : [
        {
          holds: sql`(m.of_user = ${ownIn.userId} or m.account_id <> all(${[...ownIn.accounts]}::text[]))`,
          ids: null,
        },
      ]),
  ...(unread === undefined
    ? []
    : [
        {
          holds: sql`m.unread = ${unread}`,
          ids: unread ? sql`select m.id from ${tableNamed('message')} m where m.unread and m.listed` : null,
        },
      ]),
  ...(folder === undefined ? [] : [isInFolder(folder)]),
  ...linked.map((ids) => ({
    holds: sql`exists (select from (${ids}) as linked(id) where linked.id = m.id)`,
    ids,
  })),
]

const isInFolder = (folder: string): Condition => ({
  holds: sql`exists (select from jsonb_to_recordset(m.places) as p (folder text, role text)
    where p.folder = ${folder} or p.role = ${folder.toLowerCase()})`,
  ids: sql`select l.id from ${tableNamed('folder')} f
    join ${tableNamed('located')} l on l.account_id = f.account_id and l.folder = f.folder
    where f.folder = ${folder} or f.role = ${folder.toLowerCase()}`,
})
