import type { RecordedEvent } from '../../../../domain/event.ts'
import type { AnyProjection, Rows, Tables } from '../../../../projections/projection.ts'
import { keyText, sameCells, type Cells, type TableCells } from './cells.ts'

/** The rows with these keys, in any order; keys without a row are omitted. */
export type LoadRows = (table: TableCells, keys: readonly Cells[]) => Promise<readonly Cells[]>

/** What a page changes in one table: complete rows to write, and keys of rows to delete. */
export type TableChanges = {
  readonly table: TableCells
  readonly rows: readonly Cells[]
  readonly deleted: readonly Cells[]
}

/** Streams whose events are parked instead of folded, and how many more streams may be parked. */
export type Parking = { readonly streams: ReadonlySet<string>; readonly room: number }

/** A parked event: either it threw, or (null) it waits behind another of its stream. */
export type Parked = { readonly event: RecordedEvent; readonly thrown: { readonly error: unknown } | null }

/** The first `applied` events were folded or parked; if there are more, the next one threw `failure`. */
export type FoldedPage = {
  readonly applied: number
  readonly failure: { readonly error: unknown } | null
  readonly changes: readonly TableChanges[]
  readonly parked: readonly Parked[]
}

type Fold = (event: RecordedEvent, rows: Rows<Tables>) => void

/** `stored` is the row in the database: undefined if not loaded, null if there is none. */
type Entry = { readonly key: Cells; readonly stored: Cells | null | undefined; current: Cells | null }

/** The row as it was put; null if it was removed. */
type Write = { readonly key: Cells; readonly cells: () => Cells | null }

type TableState = {
  readonly table: TableCells
  readonly entries: Map<string, Entry>
  /** Writes of the current event. */
  readonly pending: Map<string, Write>
  /** What events would write, as far as a dry run can tell. */
  readonly guesses: Map<string, Write>
  /** Keys that were requested and are not loaded. */
  readonly missing: Map<string, Cells>
}

const notLoaded = new Error('This row has not been loaded yet')

/**
 * Folds events in order over rows that `load` returns. A dry run of all events finds the rows they touch, so that one
 * load per table suffices. If an event turns out to need another row, the rest is run dry again from there, with what
 * is known by then, and the event is folded again. An event that throws is parked, together with later events of its
 * stream; if there is no room to park it, the page ends before it.
 */
export const foldPage = async (
  { tables, fold }: { readonly tables: readonly TableCells[]; readonly fold: AnyProjection['fold'] },
  events: readonly RecordedEvent[],
  load: LoadRows,
  parking: Parking | null = null,
): Promise<FoldedPage> => {
  const states = tables.map(tableState)
  const waiting = new Set(parking?.streams)
  const page = { states, fold: fold as unknown as Fold, waiting }
  const parked: Parked[] = []
  let room = parking?.room ?? 0
  const rows = rowsOf(states, 'dry')
  const realRows = rowsOf(states, 'real')

  scout(page, rows, events, 0)
  await loadMissing(states, load)
  let applied = 0
  let failure: FoldedPage['failure'] = null
  while (applied < events.length && !failure) {
    const event = events[applied]!
    const outcome = waiting.has(event.stream) ? 'waits' : run(page, realRows, event)
    if (outcome === 'applied') applied++
    else if (outcome === 'not loaded') {
      scout(page, rows, events, applied)
      await loadMissing(states, load)
    } else if (outcome === 'waits') {
      parked.push({ event, thrown: null })
      applied++
    } else if (room > 0) {
      waiting.add(event.stream)
      room--
      parked.push({ event, thrown: outcome })
      applied++
    } else failure = outcome
  }
  return { applied, failure, changes: states.map(changesOf), parked }
}

const tableState = (table: TableCells): TableState => ({
  table,
  entries: new Map(),
  pending: new Map(),
  guesses: new Map(),
  missing: new Map(),
})

const rowsOf = (states: readonly TableState[], mode: 'dry' | 'real'): Rows<Tables> => {
  const byName = new Map(states.map((state) => [state.table.name, state]))
  const stateOf = (name: string): TableState => {
    const state = byName.get(name)
    if (!state) throw new TypeError(`This projection has no table ${name}`)
    return state
  }
  const find = (state: TableState, key: Cells): Cells | null => {
    const text = keyText(key)
    const written = state.pending.get(text)
    if (written) return written.cells()
    const entry = state.entries.get(text)
    if (!entry) state.missing.set(text, key)
    if (!entry && mode === 'real') throw notLoaded
    const guess = state.guesses.get(text)
    return guess ? guess.cells() : (entry?.current ?? null)
  }
  return {
    get: (name, key) => {
      const state = stateOf(name)
      const cells = find(state, state.table.keyCells(key))
      return cells ? state.table.toRow(cells) : undefined
    },
    put: (name, row) => {
      const { table, pending } = stateOf(name)
      const key = table.keyCells(row)
      // A dry run rarely reads the rows it puts, so convert them lazily.
      const cells = mode === 'dry' ? lazily(() => table.toCells(row)) : always(table.toCells(row))
      pending.set(keyText(key), { key, cells })
    },
    remove: (name, key) => {
      const state = stateOf(name)
      const cells = state.table.keyCells(key)
      state.pending.set(keyText(cells), { key: cells, cells: always(null) })
    },
  }
}

const always =
  <Value>(value: Value) =>
  (): Value =>
    value

const lazily = (make: () => Cells): (() => Cells) => {
  let made: Cells | undefined
  return () => (made ??= make())
}

type PageFold = {
  readonly states: readonly TableState[]
  readonly fold: Fold
  readonly waiting: ReadonlySet<string>
}

/** Runs events dry. What they would write is kept as a guess for later events; what they throw is ignored. */
const scout = (page: PageFold, rows: Rows<Tables>, events: readonly RecordedEvent[], from: number): void => {
  for (let index = from; index < events.length; index++) {
    if (page.waiting.has(events[index]!.stream)) continue
    try {
      page.fold(events[index]!, rows)
    } catch {
      // Rows that exist may look absent here, so any error is possible.
    }
    for (const { pending, guesses } of page.states) {
      for (const [text, write] of pending) guesses.set(text, write)
      pending.clear()
    }
  }
  for (const { guesses } of page.states) guesses.clear()
}

const run = (
  page: PageFold,
  rows: Rows<Tables>,
  event: RecordedEvent,
): 'applied' | 'not loaded' | { error: unknown } => {
  let thrown: { error: unknown } | null = null
  try {
    page.fold(event, rows)
  } catch (error) {
    thrown = { error }
  }
  // Checked on the tables and not by the error, which a fold may have caught.
  const incomplete = page.states.some(({ missing }) => missing.size > 0)
  for (const { entries, pending } of page.states) {
    if (!incomplete && !thrown)
      for (const [text, { key, cells }] of pending) {
        const entry = entries.get(text)
        if (entry) entry.current = cells()
        else entries.set(text, { key, stored: undefined, current: cells() })
      }
    pending.clear()
  }
  return incomplete ? 'not loaded' : (thrown ?? 'applied')
}

const loadMissing = async (states: readonly TableState[], load: LoadRows): Promise<void> => {
  for (const { table, entries, missing } of states) {
    if (missing.size === 0) continue
    const found = new Map<string, Cells>()
    for (const cells of await load(table, [...missing.values()]))
      found.set(keyText(table.keyOf(cells)), cells)
    for (const [text, key] of missing) {
      const cells = found.get(text) ?? null
      entries.set(text, { key, stored: cells, current: cells })
    }
    missing.clear()
  }
}

const changesOf = ({ table, entries }: TableState): TableChanges => {
  const rows: Cells[] = []
  const deleted: Cells[] = []
  for (const { key, stored, current } of entries.values())
    if (current === null) {
      if (stored !== null) deleted.push(key)
    } else if (!stored || !sameCells(stored, current)) rows.push(current)
  return { table, rows, deleted }
}
