import { createHash } from 'node:crypto'
import type { ClientBase, CustomTypesConfig } from 'pg'
import type { Tables } from '../../../../projections/projection.ts'
import { tableCells, type Cell, type CellColumn, type Cells, type TableCells } from './cells.ts'
import type { TableChanges } from './page.ts'

/** The tables of one read model in one schema: created, read and written in bulk, on the given client. */
export type ReadModelTables = {
  readonly schema: string
  readonly cells: readonly TableCells[]
  /** One statement for all keys. */
  readonly load: (client: ClientBase, table: TableCells, keys: readonly Cells[]) => Promise<Cells[]>
  /** At most one upsert and one delete. */
  readonly write: (client: ClientBase, changes: TableChanges) => Promise<void>
}

/** A name as an identifier of SQL. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Columns as text, so that neither the pool's parsers nor the session's settings affect what is read. */
const asText: CustomTypesConfig = { getTypeParser: () => (text: string) => text }

/** Statements for `lasting` schemas are prepared; those for a temporary one would pile up in the sessions. */
export const readModelTables = (schema: string, tables: Tables, lasting: boolean): ReadModelTables => {
  const cells = Object.entries(tables).map(([name, table]) => tableCells(name, table))
  const statements = new Map(cells.map((table) => [table.name, statementsOf(schema, table)]))
  const query = (text: string, values: string[]) => ({
    text,
    values,
    types: asText,
    rowMode: 'array' as const,
    ...(lasting ? { name: `rm_${createHash('sha256').update(text).digest('hex').slice(0, 32)}` } : {}),
  })
  return {
    schema,
    cells,
    load: async (client, table, keys) => {
      const columns = table.key.map((index) => table.columns[index]!)
      const { rows } = await client.query<(string | null)[]>(
        query(statements.get(table.name)!.load, arraysOf(columns, keys)),
      )
      return rows.map((row) => cellsOf(table, row))
    },
    write: async (client, { table, rows, deleted }) => {
      const { upsert, remove } = statements.get(table.name)!
      if (rows.length > 0) await client.query(query(upsert, arraysOf(table.columns, rows)))
      const columns = table.key.map((index) => table.columns[index]!)
      if (deleted.length > 0) await client.query(query(remove, arraysOf(columns, deleted)))
    },
  }
}

/** A row of a `selectOf` statement. */
const cellsOf = ({ columns }: TableCells, row: readonly (string | null)[]): Cell[] =>
  columns.map(({ fromText }, index) => {
    const text = row[index]
    return text === null || text === undefined ? null : fromText(text)
  })

/** All columns of `t` in the form of their cells. */
const selectOf = ({ columns }: TableCells): string =>
  columns.map(({ name, select }) => select(`t.${quoted(name)}`)).join(', ')

const statementsOf = (schema: string, table: TableCells) => {
  const { columns } = table
  const name = `${quoted(schema)}.${quoted(table.name)}`
  const keys = table.key.map((index) => columns[index]!)
  const listOf = (some: readonly CellColumn[]) => some.map((column) => quoted(column.name)).join(', ')
  const unnest = (some: readonly CellColumn[]) =>
    `unnest(${some.map(({ sql }, index) => `$${index + 1}::${sql}[]`).join(', ')}) as k(${listOf(some)})`
  const same = keys.map((column) => `t.${quoted(column.name)} = k.${quoted(column.name)}`).join(' and ')
  // A lookup for each key: without statistics of a table that grows, the planner would rather read all of it.
  const found = (what: string) =>
    `${unnest(keys)} cross join lateral (select ${what} from ${name} as t where ${same} offset 0) as t`
  const others = columns.filter((column) => !keys.includes(column))
  const assignments = others.map((column) => `${quoted(column.name)} = excluded.${quoted(column.name)}`)
  return {
    load: `select ${selectOf(table)} from ${found('*')}`,
    upsert:
      `insert into ${name} as t (${listOf(columns)}) select * from ${unnest(columns)} on conflict (${listOf(keys)}) ` +
      (others.length > 0 ? `do update set ${assignments.join(', ')}` : 'do nothing'),
    remove: `delete from ${name} where ctid = any(array(select t.ctid from ${found('t.ctid')}))`,
  }
}

/** One array literal per column: the driver's array building costs more than the statement itself. */
const arraysOf = (columns: readonly CellColumn[], rows: readonly Cells[]): string[] =>
  columns.map(({ sql }, index) => {
    const quote = sql === 'text' || sql === 'jsonb'
    const items = rows.map((row) => {
      const cell = row[index] ?? null
      return cell === null ? 'NULL' : quote ? quotedItem(cell as string) : String(cell)
    })
    return `{${items.join(',')}}`
  })

const quotedItem = (text: string): string =>
  /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${text}"`

/**
 * Creates schema, tables and indexes.
 * @returns false if tables of this shape already exist
 */
export const createTables = async (client: ClientBase, schema: string, tables: Tables): Promise<boolean> => {
  const complete = await hasTables(client, schema, tables)
  if (!complete) await makeTables(client, schema, tables, 'table')
  await createIndexes(client, schema, tables)
  return !complete
}

/**
 * Creates the tables for one process to fill: unlogged, so a crash of the database empties them, and with no index but
 * the primary key. `finishDraft` turns them into what `createTables` creates.
 */
export const createDraft = async (client: ClientBase, schema: string, tables: Tables): Promise<void> =>
  makeTables(client, schema, tables, 'unlogged table')

/**
 * Makes a draft crash-safe: logs and packs its tables, creates the indexes and gathers statistics for the planner.
 * Nobody else may use it yet.
 */
export const finishDraft = async (client: ClientBase, schema: string, tables: Tables): Promise<void> => {
  for (const name of Object.keys(tables))
    await client.query(`alter table ${quoted(schema)}.${quoted(name)} set logged`)
  await createIndexes(client, schema, tables)
  for (const name of Object.keys(tables)) await client.query(`analyze ${quoted(schema)}.${quoted(name)}`)
}

/**
 * Whether all tables exist.
 * @throws Error if their shape is not what this program declares under the same version
 */
export const hasTables = async (client: ClientBase, schema: string, tables: Tables): Promise<boolean> => {
  const found = await client.query<{ shape: string | null; tables: number }>(
    `select obj_description(n.oid, 'pg_namespace') as shape,
       (select count(*)::int from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and c.relname = any($2)) as tables
     from pg_namespace n where n.nspname = $1`,
    [schema, Object.keys(tables)],
  )
  const [existing] = found.rows
  const complete = existing?.tables === Object.keys(tables).length
  if (complete && existing.shape !== shapeOf(tables))
    throw new Error(
      `The tables in ${schema} differ from those that this program declares under that version. ` +
        `Raise the projection's version, or drop the schema ${schema} to have it filled again`,
    )
  return complete
}

const makeTables = async (
  client: ClientBase,
  schema: string,
  tables: Tables,
  kind: 'table' | 'unlogged table',
): Promise<void> => {
  await client.query(`drop schema if exists ${quoted(schema)} cascade`)
  await client.query(`create schema ${quoted(schema)}`)
  await client.query(`comment on schema ${quoted(schema)} is '${shapeOf(tables)}'`)
  for (const [name, table] of Object.entries(tables))
    await client.query(tableDefinition(schema, name, table, kind))
}

const createIndexes = async (client: ClientBase, schema: string, tables: Tables): Promise<void> => {
  for (const [name, { indexes = [] }] of Object.entries(tables))
    for (const definition of indexes) {
      // Named by a hash of the definition, so that an index added in a later release is created and an existing one is
      // not.
      const hash = createHash('sha256').update(`${name} ${definition}`).digest('hex').slice(0, 16)
      await client.query(
        `create index if not exists ${quoted(`ix_${hash}`)} on ${quoted(schema)}.${quoted(name)} ${definition}`,
      )
    }
}

const tableDefinition = (
  schema: string,
  name: string,
  { columns, key }: Tables[string],
  kind: 'table' | 'unlogged table',
): string => {
  // Ids compare by bytes, so that a change of the system's collations cannot corrupt the index.
  const collation = (column: string, sql: string) =>
    sql === 'text' && key.includes(column) ? ' collate "C"' : ''
  const lines = Object.entries(columns).map(
    ([column, { sql, nullable }]) =>
      `${quoted(column)} ${sql}${collation(column, sql)}${nullable ? '' : ' not null'}`,
  )
  return `create ${kind} ${quoted(schema)}.${quoted(name)} (${lines.join(', ')}, primary key (${key.map(quoted).join(', ')}))`
}

/** The same whatever the order of tables and columns. */
const shapeOf = (tables: Tables): string => {
  const shape = Object.entries(tables).map(([name, { columns, key }]) => {
    const kinds = Object.entries(columns).map(([column, { sql, nullable }]) => `${column} ${sql} ${nullable}`)
    return JSON.stringify([name, kinds.toSorted(), key])
  })
  return createHash('sha256').update(shape.toSorted().join('\n')).digest('hex')
}
