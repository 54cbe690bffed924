import type { ClientBase } from 'pg'
import type { Table } from '../../../../projections/projection.ts'
import { quoted } from '../fold/tables.ts'

/**
 * A row by its key, values as PostgreSQL writes them as text. `values` are those of the columns that differ, in their
 * order.
 */
export type RowDifference = {
  /** `missing`: not in the live table; `surplus`: only in the live table. */
  readonly kind: 'changed' | 'missing' | 'surplus'
  readonly key: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly { readonly live: string | null; readonly rebuilt: string | null }[]
}

/** `first`: the first differences in key order. */
export type TableDifferences = {
  readonly liveRows: number
  readonly rebuiltRows: number
  readonly changed: number
  readonly missing: number
  readonly surplus: number
  readonly first: readonly RowDifference[]
}

/** A table in one schema, read within a transaction of this client. */
export type Side = { readonly client: ClientBase; readonly schema: string }

type Row = readonly (string | null)[]

const FETCH_ROWS = 500

/** Makes the session print values as text without loss, whatever its settings; use at the start of a transaction. */
export const EXACT_TEXT =
  'set local timezone = UTC; set local datestyle = ISO; set local extra_float_digits = 1'

/** Compares all rows of a table in key order, with a few hundred rows in memory at a time. */
export const compareTable = async (
  live: Side,
  rebuilt: Side,
  name: string,
  table: Table,
  keep: number,
): Promise<TableDifferences> => {
  const columns = Object.keys(table.columns)
  const key = table.key.map((column) => columns.indexOf(column))
  const found = { liveRows: 0, rebuiltRows: 0, changed: 0, missing: 0, surplus: 0 }
  const first: RowDifference[] = []
  const differ = (kind: RowDifference['kind'], a: Row | null, b: Row | null): void => {
    found[kind]++
    if (first.length >= keep) return
    const row = (a ?? b)!
    const others = columns.map((_column, index) => index).filter((index) => !key.includes(index))
    const different = others.filter((index) => a === null || b === null || a[index] !== b[index])
    first.push({
      kind,
      key: Object.fromEntries(key.map((index) => [columns[index]!, row[index]!])),
      columns: different.map((index) => columns[index]!),
      values: different.map((index) => ({ live: a?.[index] ?? null, rebuilt: b?.[index] ?? null })),
    })
  }
  const left = rowsOf(live, name, table)
  const right = rowsOf(rebuilt, name, table)
  let [a, b] = [await left(), await right()]
  while (a || b) {
    const order = a && b ? byKey(a, b, key) : a ? -1 : 1
    if (order < 0) differ('surplus', a, null)
    else if (order > 0) differ('missing', null, b)
    else if (a!.some((value, index) => value !== b![index])) differ('changed', a, b)
    if (order <= 0) {
      found.liveRows++
      a = await left()
    }
    if (order >= 0) {
      found.rebuiltRows++
      b = await right()
    }
  }
  return { ...found, first }
}

/** Rows one by one, in an order that can be compared here too: by the bytes of the key's text. */
const rowsOf = ({ client, schema }: Side, name: string, table: Table): (() => Promise<Row | null>) => {
  const values = Object.keys(table.columns).map((column) => `t.${quoted(column)}::text`)
  // The index already has this order (see createTables), so nothing is sorted.
  const order = table.key.map((column) =>
    table.columns[column]!.sql === 'text'
      ? `t.${quoted(column)} collate "C"`
      : `t.${quoted(column)}::text collate "C"`,
  )
  const cursor = quoted(`rows of ${schema}`)
  let page: Row[] | null = null
  let next = 0
  const fetch = async (): Promise<Row[]> => {
    const { rows } = await client.query<(string | null)[]>({
      text: `fetch ${FETCH_ROWS} from ${cursor}`,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    })
    return rows
  }
  return async () => {
    if (page === null)
      await client.query(
        `declare ${cursor} no scroll cursor for select ${values.join(', ')} from ${quoted(schema)}.${quoted(name)} as t order by ${order.join(', ')}`,
      )
    if (page === null || next === page.length) {
      page = page && page.length < FETCH_ROWS ? [] : await fetch()
      next = 0
      if (page.length === 0) {
        await client.query(`close ${cursor}`)
        return null
      }
    }
    return page[next++]!
  }
}

const byKey = (a: Row, b: Row, key: readonly number[]): number => {
  for (const index of key) {
    const [left, right] = [a[index]!, b[index]!]
    if (left !== right) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  }
  return 0
}
