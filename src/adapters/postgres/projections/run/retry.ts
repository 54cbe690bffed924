import type { ClientBase, Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { RecordedEvent } from '../../../../domain/event.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { transaction } from '../../../../std/transaction.ts'
import { faultText, isAboutData } from '../fold/faults.ts'
import { foldPage } from '../fold/page.ts'
import type { ReadModelTables } from '../fold/tables.ts'
import { lockCheckpoint } from '../state/checkpoints.ts'

type Deps = {
  readonly store: EventStore
  readonly pool: Pool
  readonly projection: AnyProjection
  readonly tables: ReadModelTables
}

/** `folded` events took effect; `remaining` are still parked, the first of them because of `error`. */
export type Retried = { readonly folded: number; readonly remaining: number; readonly error: string | null }

/** The decision to skip an event. `eventId` null means the first, whichever it is. */
export type Skip = {
  readonly eventId: string | null
  readonly by: string
  readonly reason: string
  /** Repeating the same command skips nothing more. */
  readonly commandId: string
}

type SkippedEvent = {
  readonly eventId: string
  readonly type: string
  readonly revision: number
  readonly position: string
}
export type Skipped = Retried & { readonly skipped: SkippedEvent }

/** A parked event, as stored. */
type Waiting = SkippedEvent

const CHUNK = 500

/**
 * Folds the parked events of a stream in order and unparks them, a few hundred per transaction. If one cannot be
 * folded, those before it have taken effect, and it stays parked with those behind it. May run concurrently with the
 * runner and with itself, in any process: both work under the checkpoint's lock.
 * @returns null if nothing of this stream is parked
 */
export const retryParked = async (deps: Deps, stream: string): Promise<Retried | null> => {
  const { pool, store, projection } = deps
  let folded = 0
  let most = CHUNK
  let refused = null as Refused
  for (;;) {
    const queue = await waitingOf(pool, projection, stream, most)
    const [first] = queue
    if (!first) return folded === 0 ? null : { folded, remaining: 0, error: null }
    // Read before taking the lock, so that a log that hangs does not block the runner.
    const events = await eventsOf(store, stream, queue)
    try {
      const step = await transaction(pool, 'begin', (client) => drain(client, deps, stream, events, refused))
      folded += step.folded
      if (step.error !== null) return { folded, remaining: step.remaining, error: step.error }
    } catch (error) {
      if (!isAboutData(error) || refused?.eventId === first.eventId) throw error
      // One by one from here, to find the event that the database refuses.
      if (events.size === 1) refused = { eventId: first.eventId, error }
      most = 1
    }
  }
}

/**
 * Unparks the first parked event of a stream for good, recording who decided that, and retries those behind it.
 * @returns null if nothing of this stream is parked, 'other' if the first is not the given event
 */
export const skipParked = async (
  deps: Deps,
  stream: string,
  skip: Skip,
): Promise<Skipped | 'other' | null> => {
  const { pool, projection } = deps
  const skipped = await transaction(pool, 'begin', async (client) => {
    await lockCheckpoint(client, projection)
    const done = await client.query<SkippedEvent>(
      `select ${WAITING} from mailtrail.skipped_events where command_id = $1`,
      [skip.commandId],
    )
    if (done.rows[0]) return done.rows[0]
    const [first] = await waitingOf(client, projection, stream, 1)
    if (!first) return null
    if (skip.eventId !== null && skip.eventId !== first.eventId) return 'other'
    await client.query(SKIP, [
      projection.name,
      projection.version,
      stream,
      first.position,
      skip.by,
      skip.reason,
      skip.commandId,
    ])
    return first
  })
  if (skipped === null || skipped === 'other') return skipped
  const retried = await retryParked(deps, stream)
  return { skipped, ...(retried ?? { folded: 0, remaining: 0, error: null }) }
}

const WAITING = 'event_id as "eventId", type, revision, position'

const waitingOf = async (
  db: Pool | ClientBase,
  { name, version }: AnyProjection,
  stream: string,
  most: number,
): Promise<Waiting[]> => {
  const { rows } = await db.query<Waiting>(
    `select ${WAITING} from mailtrail.parked_events
     where projection = $1 and version = $2 and stream = $3 order by position limit $4`,
    [name, version, stream, most],
  )
  return rows
}

const SKIP = `
  with gone as (
    delete from mailtrail.parked_events
    where projection = $1 and version = $2 and stream = $3 and position = $4 returning *)
  insert into mailtrail.skipped_events
    (projection, version, stream, position, revision, event_id, type, error, attempts, parked_at,
     skipped_by, reason, command_id)
  select projection, version, stream, position, revision, event_id, type, error, attempts, parked_at, $5, $6, $7
  from gone`

/** By id; undefined for events that are no longer in the log. */
type Events = ReadonlyMap<string, RecordedEvent | undefined>

const eventsOf = async (store: EventStore, stream: string, queue: readonly Waiting[]): Promise<Events> => {
  const from = queue[0]!.revision
  const limit = queue.at(-1)!.revision - from + 1
  const found = await store.readStream(stream, { after: from - 1, limit })
  const byId = new Map(found.map((event) => [event.id, event]))
  return new Map(queue.map(({ eventId }) => [eventId, byId.get(eventId)]))
}

/** The event that the database refused when it was tried alone. */
type Refused = { readonly eventId: string; readonly error: unknown } | null

/** Folds the first parked events, as far as they were read; in a transaction of its own. */
const drain = async (
  client: ClientBase,
  { projection, tables }: Deps,
  stream: string,
  events: Events,
  refused: Refused,
): Promise<Retried> => {
  await lockCheckpoint(client, projection)
  const queue = await waitingOf(client, projection, stream, events.size)
  const known: RecordedEvent[] = []
  for (const { eventId } of queue) {
    const event = events.get(eventId)
    if (!event || refused?.eventId === eventId) break
    known.push(event)
  }
  const folded = await foldPage({ tables: tables.cells, fold: projection.fold }, known, (table, keys) =>
    tables.load(client, table, keys),
  )
  for (const changes of folded.changes) await tables.write(client, changes)
  const last = queue[folded.applied - 1]
  if (last) {
    const { name, version } = projection
    await client.query(TAKE_OFF, [name, version, stream, last.position])
    await client.query(COUNT_LATE, [name, version, folded.applied])
  }
  const error = folded.failure
    ? faultText(folded.failure.error, known[folded.applied]!)
    : known.length === 0 && queue[0]
      ? faultOf(queue[0], events, refused)
      : null
  if (error === null) return { folded: folded.applied, remaining: 0, error }
  const remaining = await noteFault(client, projection, stream, error)
  return { folded: folded.applied, remaining, error }
}

const TAKE_OFF = `
  delete from mailtrail.parked_events
  where projection = $1 and version = $2 and stream = $3 and position <= $4`

const COUNT_LATE = `
  update mailtrail.checkpoints set folded_late = folded_late + $3 where projection = $1 and version = $2`

/** Why the first event cannot even be tried; null if it was parked after the events were read. */
const faultOf = ({ eventId }: Waiting, events: Events, refused: Refused): string | null => {
  if (!events.has(eventId)) return null
  const event = events.get(eventId)
  return event ? faultText(refused?.error, event) : 'The event is no longer in the log'
}

/** @returns how many events of the stream are still parked */
const noteFault = async (
  client: ClientBase,
  { name, version }: AnyProjection,
  stream: string,
  error: string,
): Promise<number> => {
  const { rowCount } = await client.query(
    `update mailtrail.parked_events as p set attempts = attempts + 1,
       error = case when position = (
         select min(position) from mailtrail.parked_events
         where projection = $1 and version = $2 and stream = $3) then $4 end
     where projection = $1 and version = $2 and stream = $3`,
    [name, version, stream, error],
  )
  return rowCount ?? 0
}
