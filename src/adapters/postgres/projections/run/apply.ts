import type { Pool } from 'pg'
import type { Position, RecordedEvent } from '../../../../domain/event.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import type { Turns } from '../../../../std/in-parallel.ts'
import { transaction } from '../../../../std/transaction.ts'
import { faultText, isAboutData } from '../fold/faults.ts'
import { foldPage, type LoadRows, type Parked } from '../fold/page.ts'
import type { ReadModelTables } from '../fold/tables.ts'
import { moveCheckpoint } from '../state/checkpoints.ts'
import { MAX_PARKED_STREAMS, NOTHING_PARKED, parkEvents, readParking } from '../state/parked.ts'
import { advance, type Progress } from '../state/progress.ts'

/** The event that stops a projection because too much is parked. The cause is what the fold or the database threw. */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped'
  readonly event: RecordedEvent

  constructor(event: RecordedEvent, cause: unknown) {
    super(
      `${MAX_PARKED_STREAMS} streams are parked already, and another event cannot be folded: ${faultText(cause, event)}`,
      { cause },
    )
    this.event = event
  }
}

/** One attempt to fold events into the tables. `failed`: nothing, or not everything, took effect. */
export type Batch = {
  readonly projection: string
  readonly events: readonly RecordedEvent[]
  readonly ms: number
  readonly failed: boolean
}

export type ApplyDeps = {
  readonly pool: Pool
  readonly projection: AnyProjection
  readonly tables: ReadModelTables
  readonly progress: Progress
  /** Limits how many write at once. */
  readonly turn: Turns
  readonly onBatch?: ((batch: Batch) => void) | undefined
  readonly log: { error(fields: object, message: string): void }
}

// If a crash of the database undoes a commit, the checkpoint goes back with it and the events are folded again: waiting
// for the disk would gain nothing.
const BEGIN = 'begin; set local synchronous_commit = off'

export type Move = { readonly from: Position | null; readonly to: Position; readonly generation: number }

/**
 * Folds these events into the tables and moves the checkpoint with them. An event that cannot be folded or stored is
 * parked, together with later events of its stream. If too much is parked already, the events before it take effect and
 * the checkpoint stops before it.
 * @throws ProjectionStopped, CheckpointLost
 */
export const applyEvents = async (
  deps: ApplyDeps,
  events: readonly RecordedEvent[],
  move: Move,
): Promise<Position> => {
  const failed = await deps.turn(() => toldTry(deps, events, move))
  if (!failed) return move.to
  const { at, error } = failed
  if (at === 0) throw new ProjectionStopped(events[0]!, error)
  const between = await applyEvents(deps, events.slice(0, at), { ...move, to: events[at - 1]!.position })
  advance(deps.progress, between, true)
  return applyEvents(deps, events.slice(at), { ...move, from: between })
}

const toldTry = async (deps: ApplyDeps, events: readonly RecordedEvent[], move: Move) => {
  const started = performance.now()
  let failed = true
  try {
    const divide = await tryEvents(deps, events, move)
    failed = divide !== null
    return divide
  } finally {
    const ms = performance.now() - started
    if (events.length > 0) deps.onBatch?.({ projection: deps.projection.name, events, ms, failed })
  }
}

/** Where to split the events because one of them fails. */
type Divide = { readonly at: number; readonly error: unknown }

const tryEvents = async (
  deps: ApplyDeps,
  events: readonly RecordedEvent[],
  move: Move,
): Promise<Divide | null> => {
  try {
    return await foldAndMove(deps, deps.projection.fold, events, move)
  } catch (error) {
    if (!isAboutData(error) || events.length === 0) throw error
    if (events.length > 1) return { at: events.length >> 1, error }
    const refused = () => {
      throw error
    }
    return foldAndMove(deps, refused, events, move)
  }
}

/** All events in one transaction, or none if the projection must stop at one of them. */
const foldAndMove = async (
  { pool, projection, tables, log }: ApplyDeps,
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
        'An event and the rest of its stream are parked',
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
