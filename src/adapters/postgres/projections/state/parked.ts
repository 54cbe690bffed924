import type { ClientBase, Pool } from 'pg'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { faultText } from '../fold/faults.ts'
import type { Parked, Parking } from '../fold/page.ts'

/** Maximum number of parked streams per read model; beyond that the code is at fault, and the read model stops. */
export const MAX_PARKED_STREAMS = 100

/** How much of a read model is parked. */
export type ParkedCount = { readonly events: number; readonly streams: number }

/** A parked stream and its first event: the one that could not be folded, or (error null) has yet to be tried. */
export type ParkedStream = {
  readonly stream: string
  readonly events: number
  readonly revision: number
  readonly position: string
  readonly eventId: string
  readonly type: string
  readonly error: string | null
  readonly attempts: number
  readonly parkedAt: string
}

type Of = Pick<AnyProjection, 'name' | 'version'>

export const NOTHING_PARKED: Parking = { streams: new Set(), room: MAX_PARKED_STREAMS }

/** What is parked of a read model, for a fold under the checkpoint's lock. */
export const readParking = async (client: ClientBase, { name, version }: Of): Promise<Parking> => {
  const { rows } = await client.query<{ stream: string }>(
    'select distinct stream from mailtrail.parked_events where projection = $1 and version = $2',
    [name, version],
  )
  return {
    streams: new Set(rows.map(({ stream }) => stream)),
    room: Math.max(MAX_PARKED_STREAMS - rows.length, 0),
  }
}

/** Parks events behind those of their streams, in the transaction that moves the checkpoint past them. */
export const parkEvents = async (
  client: ClientBase,
  { name, version }: Of,
  parked: readonly Parked[],
): Promise<void> => {
  if (parked.length === 0) return
  const column = (of: (parked: Parked) => unknown) => parked.map(of)
  await client.query(
    `insert into mailtrail.parked_events
       (projection, version, stream, position, revision, event_id, type, error, attempts)
     select $1, $2, e.*, case when e.error is null then 0 else 1 end
     from unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
       as e(stream, position, revision, event_id, type, error)`,
    [
      name,
      version,
      column(({ event }) => event.stream),
      column(({ event }) => event.position),
      column(({ event }) => event.revision),
      column(({ event }) => event.id),
      column(({ event }) => event.type),
      column(({ event, thrown }) => thrown && faultText(thrown.error, event)),
    ],
  )
}

/**
 * Deletes what is parked of a read model whose tables are rebuilt: call it in the transaction that replaces them, under
 * the checkpoint's lock. Skipped events stay recorded.
 */
export const clearParked = async (client: ClientBase, { name, version }: Of): Promise<void> => {
  await client.query('delete from mailtrail.parked_events where projection = $1 and version = $2', [
    name,
    version,
  ])
  await client.query(
    'update mailtrail.checkpoints set folded_late = 0 where projection = $1 and version = $2',
    [name, version],
  )
}

/** For all read models with parked events, by `<name>.v<version>`. */
export const countParked = async (db: Pool | ClientBase): Promise<Map<string, ParkedCount>> => {
  const { rows } = await db.query<ParkedCount & { key: string }>(
    `select projection || '.v' || version as key, count(*)::int as events, count(distinct stream)::int as streams
     from mailtrail.parked_events group by projection, version`,
  )
  return new Map(rows.map(({ key, events, streams }) => [key, { events, streams }]))
}

/**
 * How many events were folded out of order since the tables were last filled, by `<name>.v<version>`; a row that
 * depends on several streams may then differ from a rebuild. Read models without any are omitted.
 */
export const countLate = async (db: Pool | ClientBase): Promise<Map<string, number>> => {
  const { rows } = await db.query<{ key: string; late: number }>(
    `select projection || '.v' || version as key, folded_late as late from mailtrail.checkpoints where folded_late > 0`,
  )
  return new Map(rows.map(({ key, late }) => [key, late]))
}

/** Parked streams by name, after the one named `after`. */
export const listParked = async (
  db: Pool,
  { name, version }: Of,
  after: string | null,
  limit: number,
): Promise<ParkedStream[]> => {
  const { rows } = await db.query<ParkedStream>(
    `select distinct on (stream) stream, count(*) over (partition by stream)::int as events, revision, position,
       event_id as "eventId", type, error, attempts, parked_at as "parkedAt"
     from mailtrail.parked_events
     where projection = $1 and version = $2 and ($3::text is null or stream > $3)
     order by stream, position limit $4`,
    [name, version, after, limit],
  )
  return rows
}

/** Names of the parked streams, the earliest in the log first. */
export const parkedStreams = async (db: Pool, { name, version }: Of): Promise<string[]> => {
  const { rows } = await db.query<{ stream: string }>(
    `select stream from mailtrail.parked_events where projection = $1 and version = $2
     group by stream order by min(position)`,
    [name, version],
  )
  return rows.map(({ stream }) => stream)
}

/** Ids of the events that somebody skipped in this read model. */
export const skippedOf = async (db: Pool | ClientBase, { name, version }: Of): Promise<Set<string>> => {
  const { rows } = await db.query<{ id: string }>(
    'select event_id as id from mailtrail.skipped_events where projection = $1 and version = $2',
    [name, version],
  )
  return new Set(rows.map(({ id }) => id))
}
