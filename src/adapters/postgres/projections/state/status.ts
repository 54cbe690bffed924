import type { Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position, RecordedEvent } from '../../../../domain/event.ts'
import { UnknownShape } from '../../../../domain/upcast.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { countLate, countParked, type ParkedCount } from './parked.ts'
import type { Progress, ProjectionError } from './progress.ts'

export type ProjectionStatus = {
  readonly name: string
  readonly version: number
  readonly position: Position | null
  readonly head: Position | null
  /** Age of the oldest event that is not in the tables yet; 0 if there is none; null while it is being determined. */
  readonly lagMs: number | null
  readonly runningHere: boolean
  /** Why it has stopped; parked events do not stop it. */
  readonly error: ProjectionError | null
  /** `late` events were parked and folded later: rows that depend on several streams may differ from a rebuild. */
  readonly parked: ParkedCount & { readonly late: number }
}

type Of = { readonly projection: AnyProjection; readonly progress: Progress }

/** How far each of these projections is, whichever process runs it. */
export const readStatus = async (
  { store, pool }: { readonly store: EventStore; readonly pool: Pool },
  projections: readonly Of[],
  checkpoints: () => Promise<Map<string, Position | null>>,
): Promise<ProjectionStatus[]> => {
  const [head, stored, parked, late] = await Promise.all([
    store.head(),
    checkpoints(),
    countParked(pool),
    countLate(pool),
  ])
  return Promise.all(projections.map((of) => statusOf(store, of, head, stored, { parked, late })))
}

const statusOf = async (
  store: EventStore,
  { projection, progress }: Of,
  head: Position | null,
  stored: ReadonlyMap<string, Position | null>,
  { parked, late }: { parked: ReadonlyMap<string, ParkedCount>; late: ReadonlyMap<string, number> },
): Promise<ProjectionStatus> => {
  const saved = stored.get(progress.key) ?? null
  const here = progress.running ? (progress.reached ?? null) : null
  const position = here !== null && (saved === null || here > saved) ? here : saved
  return {
    name: projection.name,
    version: projection.version,
    position,
    head,
    lagMs: await lagOf(store, projection, position, head),
    runningHere: progress.running,
    error: progress.error,
    parked: { events: 0, streams: 0, ...parked.get(progress.key), late: late.get(progress.key) ?? 0 },
  }
}

const lagOf = async (
  store: EventStore,
  { events }: AnyProjection,
  position: Position | null,
  head: Position | null,
): Promise<number | null> => {
  if (head === null || (position !== null && position >= head)) return 0
  const filter = { types: events.map(({ type }) => type) }
  try {
    const next = await store.readAll({ after: position, limit: 1, filter })
    const [oldest] = next.events
    return oldest ? ageMsOf(oldest) : next.atHead ? 0 : null
  } catch (error) {
    // If a newer version wrote the next event, the projection stops before it; still report its age.
    if (error instanceof UnknownShape) return ageMsOf(error.event)
    throw error
  }
}

const ageMsOf = ({ recordedAt }: RecordedEvent): number => Math.max(Date.now() - Date.parse(recordedAt), 0)
