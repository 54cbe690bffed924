import { randomUUID } from 'node:crypto'
import type { ClientBase } from 'pg'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { transaction } from '../../../../std/transaction.ts'
import { hasTables, quoted } from '../fold/tables.ts'
import { checkpointKey, livePosition } from '../state/checkpoints.ts'
import { countParked, skippedOf, type ParkedCount } from '../state/parked.ts'
import { compareTable, EXACT_TEXT, type TableDifferences } from './compare.ts'
import { fillTables, type Filling, type RebuildStopped } from './fill.ts'
import { ReadModelBusy, transactionOn, tryLock, withSession } from './session.ts'
import { dropAbandoned, fillDeps, fillToLive, makeShadow, shadowOf, type ShadowDeps } from './shadow.ts'

export type VerifiedTable = TableDifferences & { readonly table: string; readonly equal: boolean }

/** One read model and the result of the replay, both at `position`. */
export type Verified = {
  readonly projection: AnyProjection
  readonly position: Position | null
  /** Events parked in the live read model but folded by the replay: the two cannot be equal then. */
  readonly parked: ParkedCount | null
  /** Number of events that a person decided to skip; they are in neither. */
  readonly skipped: number
  /** The event that the replay could not get past; there are no tables then. */
  readonly stopped: RebuildStopped | null
  readonly tables: readonly VerifiedTable[]
}

export type VerifyDeps = ShadowDeps & {
  /** Maximum number of differences reported per table. */
  readonly keep?: number
}

const SNAPSHOT = `begin isolation level repeatable read, read only; ${EXACT_TEXT}`
const SHORT_TAIL_PAGES = 2
const MOST_ROUNDS = 5

/**
 * Replays the log into separate tables, up to where each read model is, and compares all rows of all tables. May run
 * while everything else does: the live rows and their position come from one snapshot.
 * @throws Error if a read model does not exist yet; ReadModelBusy if one is being rebuilt; CheckpointRefused; the
 * signal's reason; errors of the store and the database
 */
export const verifyReadModels = async (
  deps: VerifyDeps,
  projections: readonly AnyProjection[],
): Promise<Verified[]> =>
  withSession(deps.pool, async (session) => {
    const fillings: Filling[] = []
    try {
      for (const projection of projections) fillings.push(await prepare(session, projection))
      if (fillings.length === 0) return []
      for (let round = 0; round < MOST_ROUNDS; round++)
        if ((await fillToLive(session, deps, fillings, 'empty')) <= SHORT_TAIL_PAGES) break
      return await transaction(deps.pool, SNAPSHOT, async (snapshot) => {
        await meetSnapshot(snapshot, deps, fillings)
        deps.onProgress?.({ stage: 'comparing', unit: 'events', amount: 0, of: 0 })
        return transactionOn(session, `begin; ${EXACT_TEXT}`, () =>
          compareAll(session, snapshot, deps, fillings),
        )
      })
    } finally {
      for (const { tables } of fillings)
        await session.query(`drop schema if exists ${quoted(tables.schema)} cascade`).catch(() => {})
    }
  })

const prepare = async (session: ClientBase, projection: AnyProjection): Promise<Filling> => {
  const schema = schemaOf(projection)
  if (!(await tryLock(session, schema, true)))
    throw new ReadModelBusy(`${projection.name} is being rebuilt; compare it when that has finished`)
  const checkpoint = await session.query(
    'select from mailtrail.checkpoints where projection = $1 and version = $2',
    [projection.name, projection.version],
  )
  if (checkpoint.rowCount === 0 || !(await hasTables(session, schema, projection.tables)))
    throw new Error(`The read model ${checkpointKey(projection)} does not exist yet`)
  await dropAbandoned(session, projection)
  return makeShadow(session, projection, shadowOf(projection, `verify_${randomUUID().slice(0, 8)}`))
}

/** Continues filling exactly to where the live tables are in this snapshot. */
const meetSnapshot = async (
  snapshot: ClientBase,
  deps: VerifyDeps,
  fillings: readonly Filling[],
): Promise<void> => {
  const storeId = await deps.store.storeId()
  for (const of of fillings) {
    of.until = (await livePosition(snapshot, of.projection, storeId)) ?? null
    const skipped = await skippedOf(snapshot, of.projection)
    const before = of.position !== null && (of.until === null || of.until < of.position)
    if (before || skipped.size !== of.skipped.size)
      throw new Error(`${of.projection.name} was changed by hand or rebuilt meanwhile: compare it again`)
  }
  await fillTables(fillDeps(deps), fillings)
}

const compareAll = async (
  session: ClientBase,
  snapshot: ClientBase,
  { signal, keep = 20 }: VerifyDeps,
  fillings: readonly Filling[],
): Promise<Verified[]> => {
  const parked = await countParked(snapshot)
  const verified: Verified[] = []
  for (const { projection, position, tables: shadow, skipped, stopped } of fillings) {
    const live = { client: snapshot, schema: schemaOf(projection) }
    const rebuilt = { client: session, schema: shadow.schema }
    const tables: VerifiedTable[] = []
    for (const [table, definition] of stopped ? [] : Object.entries(projection.tables)) {
      signal?.throwIfAborted()
      const found = await compareTable(live, rebuilt, table, definition, keep)
      tables.push({ ...found, table, equal: found.changed + found.missing + found.surplus === 0 })
    }
    verified.push({
      projection,
      position,
      parked: parked.get(checkpointKey(projection)) ?? null,
      skipped: skipped.size,
      stopped,
      tables,
    })
  }
  return verified
}
