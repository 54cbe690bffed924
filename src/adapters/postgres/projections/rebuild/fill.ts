import type { ClientBase } from 'pg'
import type { EventStore, Page } from '../../../../commands/ports/event-log.ts'
import type { Position, RecordedEvent } from '../../../../domain/event.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { inParallel } from '../../../../std/in-parallel.ts'
import { pause } from '../../../../std/pause.ts'
import { faultText, isAboutData } from '../fold/faults.ts'
import { foldPage } from '../fold/page.ts'
import type { ReadModelTables } from '../fold/tables.ts'

/** The event that stops a rebuild. A rebuild parks nothing, because its result must be complete. */
export class RebuildStopped extends Error {
  override readonly name = 'RebuildStopped'
  readonly projection: string
  readonly event: RecordedEvent

  constructor(projection: string, event: RecordedEvent, cause: unknown) {
    super(
      `${projection} cannot take in event ${event.id} (${event.type}) at position ${event.position}: ${faultText(cause, event)}`,
      { cause },
    )
    this.projection = projection
    this.event = event
  }
}

/** Tables being filled. `position` is how far they are, `until` (inclusive) how far to fill them. */
export type Filling = {
  readonly projection: AnyProjection
  readonly tables: ReadModelTables
  /** Ids of events that a person decided to skip. */
  readonly skipped: ReadonlySet<string>
  position: Position | null
  until: Position | null
  /** Set if an event could not be folded; the tables are then useless. */
  stopped: RebuildStopped | null
}

/**
 * Progress of a rebuild or a comparison. Amounts are in the log's own unit; `reading` starts again for events appended
 * meanwhile.
 */
export type FillProgress = {
  readonly stage: 'reading' | 'indexing' | 'switching' | 'comparing'
  readonly unit: 'events' | 'bytes'
  readonly amount: number
  readonly of: number
}

export type FillDeps = {
  readonly store: EventStore
  /** One transaction for each page and read model. */
  readonly transaction: (work: (client: ClientBase) => Promise<void>) => Promise<void>
  /** How many read models are written at the same time. */
  readonly writers: number
  /** Maximum number of events in a page. */
  readonly pageSize: number
  readonly signal: AbortSignal
  readonly onPage?: (page: Page) => void
}

/**
 * Reads the log once and folds it into all of these, each up to its own end. An event that one of them cannot take in
 * stops only that one.
 * @returns the number of pages
 */
export const fillTables = async (deps: FillDeps, fillings: readonly Filling[]): Promise<number> => {
  const open = fillings.filter((of) => !of.stopped && isBefore(of.position, of.until))
  if (open.length === 0) return 0
  const places = open.map(({ position }) => position)
  const after = places.includes(null) ? null : (places as Position[]).reduce((a, b) => (b < a ? b : a))
  const until = open.map((of) => of.until!).reduce((a, b) => (b > a ? b : a))
  const types = new Set(open.flatMap(({ projection }) => projection.events.map(({ type }) => type)))
  let pages = 0
  for await (const page of pagesBetween(deps, after, until, [...types])) {
    await inParallel(open, deps.writers, (of) => takeIn(deps, of, page))
    pages++
    deps.onPage?.(page)
  }
  return pages
}

const isBefore = (position: Position | null, until: Position | null): boolean =>
  until !== null && (position === null || position < until)

const FIRST_PAGE = 100
const PAGE_CHARACTERS = 4_000_000
/** A node of a cluster may lag behind the one that was asked for the head. */
const STALL_MS = 10_000

/** Reads the next page while the previous one is folded; pages are shorter if events are large. */
const pagesBetween = async function* (
  { store, pageSize, signal }: FillDeps,
  after: Position | null,
  until: Position,
  types: readonly string[],
): AsyncGenerator<Page> {
  const read = (from: Position | null, limit: number): Promise<Page> => {
    const reading = store.readAll({ after: from, limit, filter: { types } })
    // The error is thrown to whoever takes the page; this prevents an unhandled rejection until then.
    reading.catch(() => {})
    return reading
  }
  let limit = Math.min(FIRST_PAGE, pageSize)
  let reading = read(after, limit)
  let stalledAt: number | null = null
  for (;;) {
    signal.throwIfAborted()
    const page = await reading
    if (page.position >= until) {
      yield page
      return
    }
    if (page.atHead) {
      stalledAt ??= performance.now()
      if (performance.now() - stalledAt > STALL_MS)
        throw new Error('The log ends before the position that a read model has reached')
      await pause(100)
    } else stalledAt = null
    limit = Math.min(pageSize, 4 * limit, fittingPage(page.events) ?? pageSize)
    reading = read(page.position, limit)
    yield page
  }
}

/** How many events of this size make a page that fits in memory. */
const fittingPage = (events: readonly RecordedEvent[]): number | null => {
  const some = events.filter((_event, index) => index % 50 === 0)
  if (some.length === 0) return null
  const mean = some.reduce((sum, { data }) => sum + JSON.stringify(data).length + 500, 0) / some.length
  return Math.max(Math.floor(PAGE_CHARACTERS / mean), 10)
}

const takeIn = async (deps: FillDeps, of: Filling, page: Page): Promise<void> => {
  if (of.stopped) return
  const events = eventsFor(of, page)
  try {
    if (events.length > 0) await fold(deps, of, events)
  } catch (error) {
    of.stopped = error instanceof RebuildStopped ? error : await refusedOf(deps, of, events, error)
    return
  }
  of.position = page.position < of.until! ? page.position : of.until
}

const eventsFor = ({ projection, position: from, until, skipped }: Filling, page: Page): RecordedEvent[] => {
  const types = new Set(projection.events.map(({ type }) => type))
  return page.events.filter(
    ({ id, type, position }) =>
      types.has(type) && position <= until! && (from === null || position > from) && !skipped.has(id),
  )
}

const fold = (
  { transaction }: FillDeps,
  { projection, tables }: Filling,
  events: readonly RecordedEvent[],
): Promise<void> =>
  transaction(async (client) => {
    const folded = await foldPage({ tables: tables.cells, fold: projection.fold }, events, (table, keys) =>
      tables.load(client, table, keys),
    )
    if (folded.failure)
      throw new RebuildStopped(projection.name, events[folded.applied]!, folded.failure.error)
    for (const changes of folded.changes) await tables.write(client, changes)
  })

/** If the database refuses a row of the page: finds the event that caused it, one by one. */
const refusedOf = async (
  deps: FillDeps,
  of: Filling,
  events: readonly RecordedEvent[],
  refusal: unknown,
): Promise<RebuildStopped> => {
  if (!isAboutData(refusal)) throw refusal
  for (const event of events)
    try {
      await fold(deps, of, [event])
    } catch (error) {
      if (error instanceof RebuildStopped) return error
      if (!isAboutData(error)) throw error
      return new RebuildStopped(of.projection.name, event, error)
    }
  throw refusal
}
