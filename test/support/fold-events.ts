import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  keyText,
  tableCells,
  type Cells,
  type TableCells,
} from '../../src/adapters/postgres/projections/fold/cells.ts'
import { foldPage } from '../../src/adapters/postgres/projections/fold/page.ts'
import type { DomainEvent, Position, RecordedEvent } from '../../src/domain/event.ts'
import type { AnyProjection, RowOf, Tables } from '../../src/projections/projection.ts'

/** What a test wants to say of an event beside type and data; the rest is made up. Times are RFC 3339. */
export type Envelope = { stream?: string; at?: string; userId?: string; id?: string }

/** Events as if read from a log, in this order; without `at` a minute apart from 2026-01-01. */
export const recordedEvents = (
  events: readonly (DomainEvent & { envelope?: Envelope })[],
): RecordedEvent[] => {
  const revisions = new Map<string, number>()
  return events.map(({ type, data, envelope = {} }, index) => {
    const { stream = 'test-1', userId = 'u_1', id = randomUUID() } = envelope
    const at = envelope.at ?? new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString()
    const revision = (revisions.get(stream) ?? -1) + 1
    revisions.set(stream, revision)
    return {
      type,
      data: frozen(data),
      id,
      stream,
      revision,
      position: `t:${String(index + 1).padStart(20, '0')}` as Position,
      recordedAt: at,
      metadata: {
        actor: { kind: 'user', id: userId },
        commandId: id,
        correlationId: id,
        causationId: null,
        occurredAt: at,
        schemaVersion: 1,
      },
    }
  })
}

/**
 * The rows of each table after these events, as a query would give them, ordered by key: folded as the runner does, once
 * event by event and once as one page, which must come to the same. Events that the projection does not read are
 * left out. An error of the fold is thrown.
 */
export const foldEvents = async <const T extends Tables>(
  projection: AnyProjection & { readonly tables: T },
  events: readonly RecordedEvent[],
): Promise<{ [Name in keyof T]: RowOf<T[Name]>[] }> => {
  const types = new Set(projection.events.map(({ type }) => type))
  const read = events.filter(({ type }) => types.has(type))
  const oneByOne = await foldPages(
    projection,
    read.map((event) => [event]),
  )
  assert.deepEqual(
    await foldPages(projection, [read]),
    oneByOne,
    'one page gives other rows than event by event',
  )
  return oneByOne as { [Name in keyof T]: RowOf<T[Name]>[] }
}

const foldPages = async (
  projection: AnyProjection,
  pages: readonly (readonly RecordedEvent[])[],
): Promise<Record<string, Record<string, unknown>[]>> => {
  const tables = Object.entries(projection.tables).map(([name, table]) => tableCells(name, table))
  const stored = new Map(tables.map((table) => [table.name, new Map<string, Cells>()]))
  const load = async (table: TableCells, keys: readonly Cells[]): Promise<Cells[]> =>
    keys.flatMap((key) => {
      const cells = stored.get(table.name)!.get(keyText(key))
      return cells ? [cells] : []
    })
  for (const page of pages) {
    const { failure, changes } = await foldPage({ tables, fold: projection.fold }, page, load)
    if (failure) throw failure.error
    for (const { table, rows, deleted } of changes) {
      const kept = stored.get(table.name)!
      for (const cells of rows) kept.set(keyText(table.keyOf(cells)), cells)
      for (const key of deleted) kept.delete(keyText(key))
    }
  }
  return Object.fromEntries(
    tables.map((table) => [
      table.name,
      [...stored.get(table.name)!.values()]
        .toSorted((a, b) => byKey(table.keyOf(a), table.keyOf(b)))
        .map(table.toRow),
    ]),
  )
}

/** The runner shows one event to many folds. */
const frozen = <Value>(value: Value): Value => {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

/** As PostgreSQL orders the key: numbers by value, text by bytes. */
const byKey = (a: Cells, b: Cells): number => {
  for (const [index, left] of a.entries()) {
    const right = b[index]!
    if (left === right) continue
    if (typeof left === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(String(right)))
    return Number(left) - Number(right)
  }
  return 0
}
