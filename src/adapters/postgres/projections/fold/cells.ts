import type { Column, Table } from '../../../../projections/projection.ts'

/** A value as the database returns it, JSON as its text: equal cells are equal values. */
export type Cell = string | number | boolean | null
export type Cells = readonly Cell[]

type Values = Readonly<Record<string, unknown>>

/** How values of one PostgreSQL type are converted to the form they have when they are read back. */
type Kind = {
  readonly toCell: (value: unknown) => Cell
  readonly fromText: (text: string) => Cell
  /** SQL expression for the column as the text of its cell, independent of the session's settings. */
  readonly select: (column: string) => string
}

/** One column: everything that a statement or a fold needs to know about it. */
export type CellColumn = Kind & {
  readonly name: string
  readonly sql: string
  readonly json: boolean
  readonly nullable: boolean
}

/** Converts rows of one table to cells, in the order of its columns, and back. */
export type TableCells = {
  readonly name: string
  readonly columns: readonly CellColumn[]
  /** Indexes of the key columns. */
  readonly key: readonly number[]
  /** @throws TypeError if a value does not fit its column */
  readonly toCells: (row: Values) => Cell[]
  readonly keyCells: (key: Values) => Cell[]
  readonly keyOf: (cells: Cells) => Cell[]
  /** A new row that shares nothing with any other. */
  readonly toRow: (cells: Cells) => Record<string, unknown>
}

/** Text that PostgreSQL accepts: U+0000 and lone surrogates become U+FFFD. */
export const storable = (text: string): string => {
  const formed = text.isWellFormed() ? text : text.toWellFormed()
  return formed.includes('\0') ? formed.replaceAll('\0', '\uFFFD') : formed
}

const mustBe = (fits: boolean, what: string): void => {
  if (!fits) throw new TypeError(`is not ${what}`)
}

const textOf = (value: unknown): string => {
  mustBe(typeof value === 'string', 'text')
  return storable(value as string)
}

const number =
  (fits: (value: number) => boolean, what: string) =>
  (value: unknown): number => {
    mustBe(typeof value === 'number' && fits(value), what)
    return (value as number) + 0 // JSON has no -0
  }

// PostgreSQL's years go up to 294276 and JavaScript's further; dates from mail are clamped to four-digit years.
const FIRST_INSTANT = Date.parse('0001-01-01T00:00:00.000Z')
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59.999Z')

// Nearly all values are in this form already, and checking costs a tenth of parsing. Days after the 28th are parsed.
const INSTANT =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
// Others must have an offset, or they would mean another instant on another machine (RFC 3339 5.6).
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i
const DAY = /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])$/

const instantOf = (value: unknown): string => {
  if (typeof value === 'string' && INSTANT.test(value)) return value
  const time = typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value) : Number.NaN
  mustBe(!Number.isNaN(time), 'an instant')
  return new Date(Math.min(Math.max(time, FIRST_INSTANT), LAST_INSTANT)).toISOString()
}

const dayOf = (value: unknown): string => {
  if (typeof value === 'string' && DAY.test(value)) return value
  const day = typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? value : ''
  const time = Date.parse(`${day}T00:00:00.000Z`)
  mustBe(!Number.isNaN(time) && new Date(time).toISOString().startsWith(day), 'a day')
  return time < FIRST_INSTANT ? '0001-01-01' : day
}

/** JSON as PostgreSQL prints a jsonb: keys by length, then bytes, a space after colon and comma. */
const jsonbText = (value: unknown): string => {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(storable(value))
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return String(number(Number.isFinite, 'a finite number')(value))
  if (Array.isArray(value)) return `[${value.map((item) => jsonbText(item ?? null)).join(', ')}]`
  mustBe(typeof value === 'object', 'JSON')
  const members = new Map<string, unknown>()
  for (const [key, member] of Object.entries(value as object))
    if (member !== undefined) members.set(storable(key), member)
  const keys = [...members.keys()].toSorted(byLengthThenBytes)
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${jsonbText(members.get(key))}`).join(', ')}}`
}

const byLengthThenBytes = (a: string, b: string): number =>
  Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))

const asIs = (text: string): string => text
const plain = (column: string): string => column

const kinds: Readonly<Record<string, Kind>> = {
  text: { toCell: textOf, fromText: asIs, select: plain },
  integer: {
    toCell: number((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31, 'a 32-bit integer'),
    fromText: Number,
    select: plain,
  },
  bigint: { toCell: number(Number.isSafeInteger, 'a safe integer'), fromText: Number, select: plain },
  'double precision': {
    toCell: number(Number.isFinite, 'a finite number'),
    fromText: Number,
    select: (column) => `to_json(${column})`,
  },
  boolean: {
    toCell: (value) => {
      mustBe(typeof value === 'boolean', 'true or false')
      return value as boolean
    },
    fromText: (text) => text === 't',
    select: plain,
  },
  timestamptz: {
    toCell: instantOf,
    fromText: asIs,
    select: (column) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  },
  date: { toCell: dayOf, fromText: asIs, select: (column) => `to_char(${column}, 'YYYY-MM-DD')` },
  jsonb: { toCell: jsonbText, fromText: asIs, select: plain },
}

const cellColumn = (table: string, name: string, { sql, nullable }: Column<unknown>): CellColumn => {
  const kind = kinds[sql]
  if (!kind)
    throw new TypeError(`Column ${name} of ${table} has the type ${sql}, which read models do not support`)
  return { ...kind, name, sql, nullable, json: sql === 'jsonb' }
}

/** What folding and storing rows needs to know about a table. */
export const tableCells = (name: string, { columns: specs, key: keyNames }: Table): TableCells => {
  const columns = Object.entries(specs).map(([column, spec]) => cellColumn(name, column, spec))
  const key = keyNames.map((column) => columns.findIndex((candidate) => candidate.name === column))
  if (key.length === 0 || key.some((index) => index < 0 || columns[index]!.nullable || columns[index]!.json))
    throw new TypeError(`The key of ${name} must consist of its columns, none of them nullable or JSON`)

  const toCell = (column: CellColumn, value: unknown): Cell => {
    if (value === null && column.nullable) return null
    try {
      return column.toCell(value)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new TypeError(`${name}.${column.name} ${error.message}`, { cause: error })
    }
  }
  return {
    name,
    columns,
    key,
    toCells: (row) => columns.map((column) => toCell(column, row[column.name])),
    keyCells: (row) => key.map((index) => toCell(columns[index]!, row[columns[index]!.name])),
    keyOf: (cells) => key.map((index) => cells[index]!),
    toRow: (cells) => {
      const row: Record<string, unknown> = {}
      for (const [index, column] of columns.entries()) {
        const cell = cells[index]!
        row[column.name] = column.json && cell !== null ? (JSON.parse(cell as string) as unknown) : cell
      }
      return row
    },
  }
}

/** The key as one string; unique per key, because no cell contains U+0000. */
export const keyText = (key: Cells): string => (key.length === 1 ? String(key[0]) : key.join('\0'))

export const sameCells = (a: Cells, b: Cells): boolean => a.every((cell, index) => cell === b[index])
