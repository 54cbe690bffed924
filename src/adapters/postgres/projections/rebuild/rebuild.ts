import { randomUUID } from 'node:crypto'
import type { ClientBase, Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { inParallel } from '../../../../std/in-parallel.ts'
import { transaction } from '../../../../std/transaction.ts'
import { createDraft, finishDraft, hasTables, quoted, readModelTables } from '../fold/tables.ts'
import { livePositions } from '../state/checkpoints.ts'
import { fillTables, type RebuildStopped, type Filling, type FillProgress } from './fill.ts'
import { ReadModelBusy, tryLock, withSession } from './session.ts'
import {
  BEGIN_FILLING,
  dropAbandoned,
  fillDeps,
  fillToLive,
  makeShadow,
  shadowOf,
  type ShadowDeps,
} from './shadow.ts'
import { dropOld, switchOver } from './switch.ts'
import { verifyReadModels } from './verify.ts'

/** What became of one read model: new tables up to `position`, or the event in the way, and the old tables as they were. */
export type Rebuilt = {
  readonly projection: AnyProjection
  readonly position: Position | null
  readonly stopped: RebuildStopped | null
  /** A schema that could not be dropped yet, as somebody reads it; the next rebuild drops it. */
  readonly left: string | null
}

export type RebuildDeps = ShadowDeps & {
  /** Called when its new tables are in use. */
  readonly onReplaced?: (projection: AnyProjection) => void
}

const SHORT_TAIL_PAGES = 2
const MOST_ROUNDS = 10

/**
 * Fills the tables of these read models anew from the log, beside those in use, and puts them in their place. Queries
 * and runners go on meanwhile. The log is read once for all of them. When it ends early, in whatever way, the tables in
 * use are as they were, but for those of which `onReplaced` was told.
 * @throws ReadModelBusy where one of them is being rebuilt or compared already; CheckpointRefused; the signal's reason;
 *   what store and database throw
 */
export const rebuildReadModels = async (
  deps: RebuildDeps,
  projections: readonly AnyProjection[],
): Promise<Rebuilt[]> =>
  withSession(deps.pool, async (session) => {
    for (const projection of projections)
      if (!(await tryLock(session, schemaOf(projection))))
        throw new ReadModelBusy(`${projection.name} is being rebuilt or compared by another process`)
    await livePositions(session, deps.store, projections)
    const fillings: Filling[] = []
    try {
      for (const projection of projections) {
        await hasTables(session, schemaOf(projection), projection.tables)
        const old = shadowOf(projection, 'old')
        if ((await dropAbandoned(session, projection)).includes(old))
          throw new ReadModelBusy(
            `${old}, which an earlier rebuild replaced, is read still, as pg_stat_activity shows. Rebuild when that has ended`,
          )
        fillings.push(
          await makeShadow(session, projection, shadowOf(projection, `rebuild_${randomUUID().slice(0, 8)}`)),
        )
      }
      await fillUp(session, deps, fillings)
      tell(deps, 'switching')
      const rebuilt: Rebuilt[] = []
      for (const of of fillings) {
        deps.signal?.throwIfAborted()
        rebuilt.push(await replace(session, deps, of))
      }
      return rebuilt
    } finally {
      for (const { tables } of fillings)
        await session.query(`drop schema if exists ${quoted(tables.schema)} cascade`).catch(() => {})
    }
  })

/** Fills, then makes the indexes, and follows the runner until there is little left for the switch to do. */
const fillUp = async (session: ClientBase, deps: ShadowDeps, fillings: readonly Filling[]) => {
  await fillToLive(session, deps, fillings, 'head')
  tell(deps, 'indexing')
  const whole = fillings.filter(({ stopped }) => !stopped)
  await inParallel(whole, 2, ({ tables, projection }) =>
    transaction(deps.pool, BEGIN_FILLING, (client) => finishDraft(client, tables.schema, projection.tables)),
  )
  for (let round = 0; round < MOST_ROUNDS; round++)
    if ((await fillToLive(session, deps, fillings, 'head')) <= SHORT_TAIL_PAGES) break
  deps.signal?.throwIfAborted()
}

const tell = ({ onProgress }: ShadowDeps, stage: FillProgress['stage']): void =>
  onProgress?.({ stage, unit: 'events', amount: 0, of: 0 })

const replace = async (session: ClientBase, deps: RebuildDeps, of: Filling): Promise<Rebuilt> => {
  const storeId = await deps.store.storeId()
  const outcome = of.stopped ? 'stopped' : await switchOver(session, fillDeps(deps), of, storeId)
  if (outcome === 'outdated') {
    const anew = await makeShadow(session, of.projection, of.tables.schema)
    await fillUp(session, deps, [anew])
    return replace(session, deps, anew)
  }
  const { projection, position, stopped } = of
  if (outcome === 'stopped') return { projection, position, stopped, left: null }
  deps.onReplaced?.(projection)
  const old = shadowOf(projection, 'old')
  return { projection, position, stopped, left: (await dropOld(session, old)) ? null : old }
}

/**
 * Folds the log from its start to `until` (inclusive) into a schema that is made anew, apart from checkpoints and
 * leases. @throws RebuildStopped at an event that cannot be folded
 */
export const rebuildInto = async (
  deps: { readonly store: EventStore; readonly pool: Pool },
  projection: AnyProjection,
  schema: string,
  until: Position | null,
  pageSize = 1_000,
): Promise<void> => {
  await transaction(deps.pool, BEGIN_FILLING, (client) => createDraft(client, schema, projection.tables))
  const tables = readModelTables(schema, projection.tables, false)
  const of: Filling = { projection, tables, skipped: new Set(), position: null, until, stopped: null }
  await fillTables(fillDeps({ ...deps, pageSize }), [of])
  if (of.stopped) throw of.stopped
}

export type TableComparison = {
  readonly projection: string
  readonly table: string
  readonly equal: boolean
  readonly liveRows: number
  readonly rebuiltRows: number
}

/** The short answer of `verifyReadModels`, a line a table. @throws Error where a read model has not been made yet */
export const readModelsEqualRebuild = async (deps: {
  readonly store: EventStore
  readonly pool: Pool
  readonly projections: readonly AnyProjection[]
}): Promise<TableComparison[]> => {
  const verified = await verifyReadModels(deps, deps.projections)
  return verified.flatMap(({ projection, stopped, tables }) => {
    if (stopped) throw stopped
    return tables.map(({ table, equal, liveRows, rebuiltRows }) => ({
      projection: projection.name,
      table,
      equal,
      liveRows,
      rebuiltRows,
    }))
  })
}
