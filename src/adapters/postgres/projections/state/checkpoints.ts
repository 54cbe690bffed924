import type { ClientBase, Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { createTables, quoted } from '../fold/tables.ts'
import { clearParked } from './parked.ts'

/** The read model and the log do not belong together; nothing is read until a person has looked into it. */
export class CheckpointRefused extends Error {
  override readonly name = 'CheckpointRefused'
}

export const ofAnotherLog = (schema: string): CheckpointRefused =>
  new CheckpointRefused(`${schema} was filled from another log. ${remedyFor(schema)}`)

export const aheadOfLog = (schema: string): CheckpointRefused =>
  new CheckpointRefused(`${schema} is ahead of this log, as after restoring a backup. ${remedyFor(schema)}`)

const remedyFor = (schema: string): string =>
  `Give the service the log that belongs to this database, or delete the projection's row in mailtrail.checkpoints to have ${schema} filled again`

/** Somebody else moved the checkpoint or took over the lease. This transaction must not be committed. */
export class CheckpointLost extends Error {
  override readonly name = 'CheckpointLost'
}

type Key = Pick<AnyProjection, 'name' | 'version'>

/**
 * Makes this generation of the lease the only one that may move the checkpoint, and creates the tables if they do not
 * exist. Use a separate transaction: the checkpoint's row is locked until it ends.
 * @throws CheckpointRefused for a read model of another log, or ahead of this one; CheckpointLost if a newer generation
 * came first
 */
export const claimCheckpoint = async (
  client: ClientBase,
  projection: Key & Pick<AnyProjection, 'tables'>,
  log: { readonly storeId: string; readonly head: Position },
  generation: number,
): Promise<Position | null> => {
  const { name, version } = projection
  const schema = schemaOf(projection)
  const isNew = await makeCheckpoint(client, projection, log.storeId)
  const found = await client.query<{ same: boolean; position: Position | null; generation: string }>(
    `select store_id = $3 as same, position, generation::text from mailtrail.checkpoints
     where projection = $1 and version = $2 for update`,
    [name, version, log.storeId],
  )
  const checkpoint = found.rows[0]!
  if (!checkpoint.same) throw ofAnotherLog(schema)
  if (checkpoint.position !== null && checkpoint.position > log.head) throw aheadOfLog(schema)
  if (Number(checkpoint.generation) > generation) throw new CheckpointLost(`${schema} has a newer owner`)

  // Tables without a checkpoint are of unknown age.
  if (isNew) await client.query(`drop schema if exists ${quoted(schema)} cascade`)
  const empty = await createTables(client, schema, projection.tables)
  if (empty) await clearParked(client, projection)
  await client.query(
    `update mailtrail.checkpoints set generation = $3, position = case when $4 then null else position end, updated_at = now()
     where projection = $1 and version = $2`,
    [name, version, generation, empty],
  )
  return empty ? null : checkpoint.position
}

/**
 * Moves the checkpoint in the transaction that does the work, before the work: the row lock blocks any other runner
 * until the transaction ends.
 * @returns whether events are parked: none are added without moving the checkpoint, but they may just have been removed
 * @throws CheckpointLost
 */
export const moveCheckpoint = async (
  client: ClientBase,
  { name, version }: Key,
  move: { readonly from: Position | null; readonly to: Position; readonly generation: number },
): Promise<boolean> => {
  const moved = await client.query<{ parked: boolean }>({
    name: 'mailtrail_move_checkpoint',
    text: `update mailtrail.checkpoints set position = $4, updated_at = now()
      where projection = $1 and version = $2 and position is not distinct from $3 and generation = $5
      returning exists (select from mailtrail.parked_events where projection = $1 and version = $2) as parked`,
    values: [name, version, move.from, move.to, move.generation],
  })
  const [checkpoint] = moved.rows
  if (!checkpoint) throw new CheckpointLost(`Another runner has moved the checkpoint of ${name}`)
  return checkpoint.parked
}

/** @returns whether it is new */
export const makeCheckpoint = async (
  client: ClientBase,
  { name, version }: Key,
  storeId: string,
): Promise<boolean> => {
  const made = await client.query(
    'insert into mailtrail.checkpoints (projection, version, store_id) values ($1, $2, $3) on conflict do nothing',
    [name, version, storeId],
  )
  return made.rowCount === 1
}

/** For tables that replace others, under the lock. */
export const setCheckpoint = async (
  client: ClientBase,
  { name, version }: Key,
  position: Position,
): Promise<void> => {
  await client.query(
    'update mailtrail.checkpoints set position = $3, updated_at = now() where projection = $1 and version = $2',
    [name, version, position],
  )
}

/** Prevents every runner from moving the checkpoint until this transaction ends. */
export const lockCheckpoint = async (client: ClientBase, { name, version }: Key): Promise<void> => {
  await client.query('select from mailtrail.checkpoints where projection = $1 and version = $2 for update', [
    name,
    version,
  ])
}

/** All checkpoints by `<name>.v<version>`. */
export const readCheckpoints = async (db: Pool | ClientBase): Promise<Map<string, Position | null>> => {
  const { rows } = await db.query<{ key: string; position: Position | null }>(
    `select projection || '.v' || version as key, position from mailtrail.checkpoints`,
  )
  return new Map(rows.map(({ key, position }) => [key, position]))
}

/** All checkpoints with their owners, by `<name>.v<version>`. */
export const readClaims = async (
  pool: Pool,
): Promise<Map<string, { readonly position: Position | null; readonly generation: number }>> => {
  const { rows } = await pool.query<{ key: string; position: Position | null; generation: string }>(
    `select projection || '.v' || version as key, position, generation::text from mailtrail.checkpoints`,
  )
  return new Map(
    rows.map(({ key, position, generation }) => [key, { position, generation: Number(generation) }]),
  )
}

/** Each version of a projection has its own checkpoint: `outbox.v2`. */
export const checkpointKey = ({ name, version }: Key): string => `${name}.v${version}`

/** The head, or where reading an empty log ends. */
export const endOf = async (store: EventStore): Promise<Position> =>
  (await store.head()) ?? (await store.readAll({ after: null, limit: 1 })).position

/**
 * How far the tables in use are; undefined if they were never filled.
 * @throws CheckpointRefused if they belong to another log
 */
export const livePosition = async (
  client: ClientBase,
  { name, version }: Key,
  storeId: string,
): Promise<Position | null | undefined> => {
  const { rows } = await client.query<{ same: boolean; position: Position | null }>(
    `select store_id = $3 as same, position from mailtrail.checkpoints where projection = $1 and version = $2`,
    [name, version, storeId],
  )
  const [checkpoint] = rows
  if (checkpoint?.same === false) throw ofAnotherLog(schemaOf({ name, version }))
  return checkpoint?.position
}

/**
 * How far the tables in use are, and where the log ends.
 * @throws CheckpointRefused if some belong to another log, or are ahead of this one
 */
export const livePositions = async (
  client: ClientBase,
  store: EventStore,
  projections: readonly AnyProjection[],
): Promise<{ readonly positions: readonly (Position | null)[]; readonly head: Position }> => {
  const storeId = await store.storeId()
  const positions: (Position | null)[] = []
  for (const projection of projections)
    positions.push((await livePosition(client, projection, storeId)) ?? null)
  // Read last, because runners continue meanwhile.
  const head = await endOf(store)
  const ahead = projections.find((_projection, index) => (positions[index] ?? '') > head)
  if (ahead) throw aheadOfLog(schemaOf(ahead))
  return { positions, head }
}
