import { sql, type Kysely, type RawBuilder, type SelectQueryBuilder } from 'kysely'
import type { EventDefinition, EventOf, Json, RecordedEvent } from '../domain/event.ts'
import { isUserOfKey } from '../domain/ids.ts'
import type { Visibility } from '../domain/visibility.ts'

/** A column: its PostgreSQL type, and by `value` its type in a row. Instants are RFC 3339 text. */
export type Column<Value> = { readonly sql: string; readonly nullable: boolean; readonly value?: Value }

export const text: Column<string> = { sql: 'text', nullable: false }
export const integer: Column<number> = { sql: 'integer', nullable: false }
export const boolean: Column<boolean> = { sql: 'boolean', nullable: false }
export const timestamp: Column<string> = { sql: 'timestamptz', nullable: false }
export const json = <Value extends Json | object>(): Column<Value> => ({ sql: 'jsonb', nullable: false })
/** The same column, but nullable. */
export const nullable = <Value>(column: Column<Value>): Column<Value | null> => ({
  sql: column.sql,
  nullable: true,
})

export type Columns = Readonly<Record<string, Column<unknown>>>

/** `indexes` are what follows `ON table`, such as `(account_id, received_at DESC)`. */
export type Table<C extends Columns = Columns> = {
  readonly columns: C
  readonly key: readonly (keyof C & string)[]
  readonly indexes?: readonly string[]
}

/** A table of a read model; `key` is its primary key, by which the fold gets rows. */
export const table = <const C extends Columns, const Key extends readonly (keyof C & string)[]>(definition: {
  columns: C
  key: Key
  indexes?: readonly string[]
}): { readonly columns: C; readonly key: Key; readonly indexes?: readonly string[] } => definition

export type RowOf<T extends Table> = {
  -readonly [Name in keyof T['columns']]: T['columns'][Name] extends Column<infer Value> ? Value : never
}
type KeyOf<T extends Table> = Pick<RowOf<T>, T['key'][number] & keyof RowOf<T>>

export type Tables = Readonly<Record<string, Table>>

/**
 * The rows that a fold works on. `get` returns a copy, which the fold may change and `put` back. All changes of an
 * event take effect together, or none.
 */
export type Rows<T extends Tables> = {
  get<Name extends keyof T & string>(table: Name, key: KeyOf<T[Name]>): RowOf<T[Name]> | undefined
  put<Name extends keyof T & string>(table: Name, row: RowOf<T[Name]>): void
  remove<Name extends keyof T & string>(table: Name, key: KeyOf<T[Name]>): void
}

/**
 * One read model: its tables, the events that it reads and a fold over rows by key. The fold is pure: the same event
 * and rows give the same changes; no clock, no randomness, no I/O; it must not change the event, which other folds
 * share. The runner first runs it dry to learn which rows it touches, so it may be called several times for an event,
 * with rows seemingly absent that do exist; what it throws then is ignored. A change of tables or fold is a new
 * `version`, which fills a schema of its own.
 */
export type Projection<
  T extends Tables = Tables,
  Events extends readonly EventDefinition[] = readonly EventDefinition[],
> = {
  readonly name: string
  readonly version: number
  readonly tables: T
  readonly events: Events
  readonly fold: (event: RecordedEvent<EventOf<Events[number]>>, rows: Rows<T>) => void
}

/** Defines a read model; its fold is typed by its events and tables. */
export const projection = <const T extends Tables, const Events extends readonly EventDefinition[]>(
  definition: Projection<T, Events>,
): Projection<T, Events> => definition

/** A projection in a list, where its exact types do not matter. */
export type AnyProjection = Pick<Projection, 'name' | 'version' | 'tables' | 'events'> & {
  readonly fold: (event: never, rows: never) => void
}

/** The PostgreSQL schema of one version of a projection: `rm_send_counters_v1`. */
export const schemaOf = (of: { readonly name: string; readonly version: number }): string =>
  `rm_${of.name.replaceAll('-', '_')}_v${of.version}`

export type DatabaseOf<T extends Tables> = { [Name in keyof T]: RowOf<T[Name]> }

export const tablesOf = <T extends Tables>(
  db: Kysely<unknown>,
  of: { readonly name: string; readonly version: number; readonly tables: T },
): Kysely<DatabaseOf<T>> => db.withSchema(schemaOf(of)) as unknown as Kysely<DatabaseOf<T>>

/** How much a user sees of an account's mail of which they see anything. */
export type Visible = Exclude<Visibility, 'nothing'>

/** Who sees what of accounts. The user is who asks; null is a program that acts for nobody, and sees all. */
export type VisibilityDeps = {
  readonly visibilityOf: (accountId: string, userId: string | null) => Promise<Visibility>
  /** The accounts of whose mail the user sees anything. */
  readonly visibleAccounts: (userId: string | null) => Promise<ReadonlyMap<string, Visible> | 'all'>
  /** Whether the user may read all of the account's mail: what was not sent or received is for these alone. */
  readonly mayRead: (accountId: string, userId: string | null) => Promise<boolean>
  /** The accounts of which the user sees in any case what they sent themselves, and the answers to it. */
  readonly sendOnlyAccounts: (userId: string | null) => Promise<readonly string[]>
}

/** What a user may do with an account, null: nothing; as `levelOf` has it, in SQL. `rights`: a column of AccessRights. */
export const levelIn = (rights: string, userId: string): RawBuilder<string | null> => {
  const of = sql.ref(rights)
  return sql`case when ${of} -> 'owner' ->> 'userId' = ${userId} then 'full'
    else coalesce((select member ->> 'level' from jsonb_array_elements(${of} -> 'members') as member
      where member ->> 'userId' = ${userId}), ${isUserOfKey(userId) ? sql`null` : sql`${of} ->> 'everyone'`}) end`
}

type EmailOf = { readonly account_id: string; readonly user_id: string | null; readonly isSent: boolean }

/** How much this user sees of an email: all of their own; of others, if they may read the account or it was sent. */
export const emailVisibility =
  (
    { visibilityOf, mayRead, sendOnlyAccounts }: Omit<VisibilityDeps, 'visibleAccounts'>,
    userId: string | null,
  ) =>
  async ({ account_id, user_id, isSent }: EmailOf): Promise<Visibility> => {
    if (userId !== null && user_id === userId && (await sendOnlyAccounts(userId)).includes(account_id))
      return 'everything'
    return isSent || (await mayRead(account_id, userId)) ? visibilityOf(account_id, userId) : 'nothing'
  }

/** An item without what only those see to whom everything is visible; `visibility` says why it is missing. */
export type Masked<Item, Hidden extends keyof Item> = Omit<Item, Hidden> & {
  readonly [Field in Hidden]: Item[Field] | null
} & { readonly visibility: Visible }

/** Where a page begins: the value that the list is ordered by, and the id, of the last item before it. */
type After = readonly [value: string, id: string | number]
/** A page: up to `limit` items of a list in this order, behind the key `after`. */
export type Page = { readonly descending: boolean; readonly after: After | null; readonly limit: number }
/** What a list is ordered by: a column, or an expression that an index has. Where it is the same, the id decides. */
export type ListKey = {
  readonly column: string | RawBuilder<unknown>
  readonly type: 'timestamptz' | 'text'
  readonly id?: string
}

export const paged = <DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  { column, type, id: idColumn = 'id' }: ListKey,
  { descending, after, limit }: Page,
): SelectQueryBuilder<DB, TB, O> => {
  const by = typeof column === 'string' ? sql.ref(column) : column
  const id = sql.ref(idColumn)
  const direction = descending ? 'desc' : 'asc'
  const ordered = query.orderBy(by, direction).orderBy(id, direction).limit(limit)
  if (after === null) return ordered
  const [value, last] = after
  const behind = sql.raw(descending ? '<' : '>')
  const idType = sql.raw(typeof last === 'number' ? 'integer' : 'text')
  return ordered.where(
    sql<boolean>`(${by}, ${id}) ${behind} (${value}::${sql.raw(type)}, ${last}::${idType})`,
  )
}

/** A span of time, both ends included; what is undefined is no end. */
export type Span = { readonly from?: string | undefined; readonly to?: string | undefined }

/** Whether a column of instants lies in the span, both ends included. */
export const isWithin = (column: string, { from, to }: Span): RawBuilder<boolean> => {
  const by = sql.ref(column)
  const since = from === undefined ? sql`true` : sql`${by} >= ${from}::timestamptz`
  return sql`${since} and ${to === undefined ? sql`true` : sql`${by} <= ${to}::timestamptz`}`
}

/** That all of these conditions hold; false stands for one that is not asked for. */
export const allOf = (conditions: readonly (RawBuilder<unknown> | false)[]): RawBuilder<boolean> =>
  sql`(${sql.join(
    conditions.filter((condition) => condition !== false),
    sql` and `,
  )})`

/** A pattern for what contains the text, in which percent signs and the like stand for themselves. */
export const containing = (searched: string): string => `%${beginningWith(searched)}`

/** As `containing`, for what begins with the text. */
export const beginningWith = (searched: string): string =>
  `${searched.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
