import type { Pool } from 'pg'
import type { EventStore, Page } from '../../../../commands/ports/event-log.ts'
import type { Position, RecordedEvent } from '../../../../domain/event.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { CheckpointRefused, claimCheckpoint, moveCheckpoint } from '../state/checkpoints.ts'
import { foldPage, type LoadRows, type Parked } from '../fold/page.ts'
import {
  faultText,
  isAboutData,
  MAX_PARKED_STREAMS,
  NOTHING_PARKED,
  parkedStreams,
  parkEvents,
  readParking,
} from '../state/parked.ts'
import { advance, tell, type Claim, type Progress } from '../state/progress.ts'
import { retryParked } from './retry.ts'
import { skippedOf } from '../rebuild/shadow.ts'
import type { ReadModelTables } from '../fold/tables.ts'
import type { SharedLog } from './shared-log.ts'
import { transaction } from '../../transaction.ts'

/** The event that a projection does not get past, as too much is parked. The cause is what fold or database threw. */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped'
  readonly event: RecordedEvent

  constructor(event: RecordedEvent, cause: unknown) {
    super(
      `${MAX_PARKED_STREAMS} streams are parked already, and one more cannot be folded: ${faultText(cause, event)}`,
      { cause },
    )
    this.event = event
  }
}

/** One try to fold events into the tables. `failed`: it took no effect, or not all of it. */
export type Batch = {
  readonly projection: string
  readonly events: readonly RecordedEvent[]
  readonly ms: number
  readonly failed: boolean
}

export type Follower = {
  readonly store: EventStore
  readonly pool: Pool
  readonly shared: SharedLog
  readonly projection: AnyProjection
  readonly tables: ReadModelTables
  readonly progress: Progress
  /** Waits until there is room for one more writer. */
  readonly turn: <Result>(work: () => Promise<Result>) => Promise<Result>
  readonly onBatch?: ((batch: Batch) => void) | undefined
  readonly log: { error(fields: object, message: string): void }
}

const SAVE_IDLE_MS = 500

// A commit that a crash of the database undoes takes the checkpoint back with it, and the events are folded again:
// waiting for the disk would buy nothing.
const BEGIN = 'begin; set local synchronous_commit = off'

/**
 * Claims the checkpoint and folds page after page from there, until `signal` aborts. What is parked is tried once
 * under each lease: the code may have changed.
 * @throws CheckpointRefused, CheckpointLost, ProjectionStopped, and what store and database throw
 */
export const follow = async (follower: Follower, generation: number, signal: AbortSignal): Promise<void> => {
  const { store, shared, pool, projection, progress } = follower
  const claim = async () => {
    const log = { storeId: await store.storeId(), head: await endOf(store) }
    const position = await transaction(pool, 'begin', (client) =>
      claimCheckpoint(client, projection, log, generation),
    )
    return { position, log }
  }
  // A former owner may have gone on behind the head that was read: it is read once more before anybody is alarmed.
  const claimed = await claim().catch((error: unknown) => {
    if (error instanceof CheckpointRefused) return claim()
    throw error
  })
  const { log, position: saved } = claimed
  const held: Claim = { generation, saved, end: new AbortController() }
  progress.reached = saved
  if (saved === log.head) progress.error = null
  if (progress.healedUnder !== generation) await heal(follower, signal)
  progress.healedUnder = generation

  // Met again only by tables that are filled from the start once more.
  const skipped = await skippedOf(pool, projection)
  const pages = readAhead(
    shared.subscribe({
      after: saved,
      types: new Set(projection.events.map(({ type }) => type)),
      signal: AbortSignal.any([signal, held.end.signal]),
    }),
  )
  let idleSince: number | null = null
  progress.claim = held
  try {
    for (;;) {
      // Stretches of the log without events for this projection move the checkpoint only once in a while.
      const page = await pages.next(idleSince === null ? null : idleSince + SAVE_IDLE_MS - performance.now())
      if (page === 'ended') {
        held.end.signal.throwIfAborted()
        return
      }
      if (page === 'not yet') {
        held.saved = await applyEvents(follower, [], {
          from: held.saved,
          to: progress.reached!,
          generation,
        })
        idleSince = null
        continue
      }
      const events = skipped.size === 0 ? page.events : page.events.filter(({ id }) => !skipped.has(id))
      if (events.length === 0) {
        idleSince ??= performance.now()
        advance(progress, page.position, false)
      } else {
        held.saved = await applyEvents(follower, events, {
          from: held.saved,
          to: page.position,
          generation,
        })
        idleSince = null
        advance(progress, held.saved, true)
      }
    }
  } finally {
    progress.claim = null
    held.end.abort()
    await pages.close()
  }
}

/** Tries what is parked; what comes of it, and whether it can be done at all, stops nothing. */
const heal = async (follower: Follower, signal: AbortSignal): Promise<void> => {
  const { pool, projection, progress, log, turn } = follower
  for (const stream of await parkedStreams(pool, projection)) {
    if (signal.aborted) return
    const retried = await turn(() => retryParked(follower, stream)).catch((error: unknown) => {
      const fault = error instanceof Error ? error.message : 'Something was thrown that is not an error'
      log.error({ projection: projection.name, stream, fault }, 'A parked stream could not be tried')
    })
    if (retried?.folded) tell(progress, progress.reached!)
  }
}

/** The head, or the place where reading an empty log ends. */
const endOf = async (store: EventStore): Promise<Position> =>
  (await store.head()) ?? (await store.readAll({ after: null, limit: 1 })).position

type Move = { readonly from: Position | null; readonly to: Position; readonly generation: number }

/**
 * Folds these events into the tables and moves the checkpoint with them. One that cannot be folded or stored is parked,
 * and so is what follows it in its stream. Where too much is parked already, the events before it take effect and the
 * checkpoint stands before it.
 * @throws ProjectionStopped, CheckpointLost
 */
const applyEvents = async (
  follower: Follower,
  events: readonly RecordedEvent[],
  move: Move,
): Promise<Position> => {
  const failed = await follower.turn(() => toldTry(follower, events, move))
  if (!failed) return move.to
  const { at, error } = failed
  if (at === 0) throw new ProjectionStopped(events[0]!, error)
  const between = await applyEvents(follower, events.slice(0, at), { ...move, to: events[at - 1]!.position })
  advance(follower.progress, between, true)
  return applyEvents(follower, events.slice(at), { ...move, from: between })
}

const toldTry = async (follower: Follower, events: readonly RecordedEvent[], move: Move) => {
  const started = performance.now()
  let failed = true
  try {
    const divide = await tryEvents(follower, events, move)
    failed = divide !== null
    return divide
  } finally {
    const ms = performance.now() - started
    if (events.length > 0) follower.onBatch?.({ projection: follower.projection.name, events, ms, failed })
  }
}

/** Where to divide the events, as one of them stands in the way. */
type Divide = { readonly at: number; readonly error: unknown }

const tryEvents = async (
  follower: Follower,
  events: readonly RecordedEvent[],
  move: Move,
): Promise<Divide | null> => {
  try {
    return await foldAndMove(follower, follower.projection.fold, events, move)
  } catch (error) {
    if (!isAboutData(error) || events.length === 0) throw error
    if (events.length > 1) return { at: events.length >> 1, error }
    const refused = () => {
      throw error
    }
    return foldAndMove(follower, refused, events, move)
  }
}

/** All of it in one transaction, or none where the projection must stop at one of the events. */
const foldAndMove = async (
  { pool, projection, tables, log }: Follower,
  fold: AnyProjection['fold'],
  events: readonly RecordedEvent[],
  move: Move,
): Promise<Divide | null> => {
  let parked: readonly Parked[] = []
  try {
    await transaction(pool, BEGIN, async (client) => {
      const some = await moveCheckpoint(client, projection, move)
      const parking = some ? await readParking(client, projection) : NOTHING_PARKED
      const load: LoadRows = (table, keys) => tables.load(client, table, keys)
      const folded = await foldPage({ tables: tables.cells, fold }, events, load, parking)
      if (folded.failure) throw new FoldFailed(folded.applied, folded.failure.error)
      for (const changes of folded.changes) await tables.write(client, changes)
      await parkEvents(client, projection, folded.parked)
      parked = folded.parked
    })
  } catch (error) {
    if (error instanceof FoldFailed) return { at: error.at, error: error.cause }
    throw error
  }
  for (const { event, thrown } of parked)
    if (thrown) {
      const { id, type, stream, position } = event
      const fields = { projection: projection.name, event: { id, type, position }, stream }
      log.error(
        { ...fields, fault: faultText(thrown.error, event) },
        'An event is parked, and its stream waits',
      )
    }
  return null
}

class FoldFailed extends Error {
  readonly at: number

  constructor(at: number, cause: unknown) {
    super('A fold threw', { cause })
    this.at = at
  }
}

/** Pages one by one, the next one being read while its predecessor is written. */
const readAhead = (pages: AsyncIterable<Page>) => {
  const iterator = pages[Symbol.asyncIterator]()
  let reading: Promise<IteratorResult<Page>> | undefined
  const read = (): void => {
    reading = iterator.next()
    // Its error is for whoever takes the page; until then it is not unheard.
    reading.catch(() => {})
  }
  return {
    /** `withinMs` null waits without end. */
    next: async (withinMs: number | null): Promise<Page | 'not yet' | 'ended'> => {
      if (!reading) read()
      const result = await within(reading!, withinMs)
      if (result === null) return 'not yet'
      if (result.done) return 'ended'
      read()
      return result.value
    },
    close: async (): Promise<void> => {
      await reading?.catch(() => {})
      await iterator.return?.()
    },
  }
}

const within = async <Value>(promise: Promise<Value>, ms: number | null): Promise<Value | null> => {
  if (ms === null) return promise
  const { promise: over, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(resolve, Math.max(ms, 0), null)
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}
