import { randomUUID } from 'node:crypto'
import type { ClientBase } from 'pg'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { inParallel } from '../../../../std/in-parallel.ts'
import { transaction } from '../../../../std/transaction.ts'
import { finishDraft, hasTables, quoted } from '../fold/tables.ts'
import { livePositions } from '../state/checkpoints.ts'
import type { Filling, FillProgress, RebuildStopped } from './fill.ts'
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

/**
 * The result for one read model: new tables up to `position`, or the event that stopped it, with the old tables
 * unchanged.
 */
export type Rebuilt = {
  readonly projection: AnyProjection
  readonly position: Position | null
  readonly stopped: RebuildStopped | null
  /** An old schema that could not be dropped because it is being read; the next rebuild drops it. */
  readonly left: string | null
}

export type RebuildDeps = ShadowDeps & {
  /** Called when the new tables are in use. */
  readonly onReplaced?: (projection: AnyProjection) => void
}

const SHORT_TAIL_PAGES = 2
const MOST_ROUNDS = 10

/**
 * Fills the tables of these read models again from the log, beside those in use, and replaces them. Queries and runners
 * continue meanwhile. The log is read once for all of them. If it ends early, for whatever reason, the tables in use
 * are unchanged, except those reported to `onReplaced`.
 * @throws ReadModelBusy if one of them is already being rebuilt or compared; CheckpointRefused; the signal's reason;
 * errors of the store and the database
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
            `${old}, replaced by an earlier rebuild, is still being read, as pg_stat_activity shows. Rebuild when that has ended`,
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

/** Fills, creates the indexes, and follows the runner until little is left to fold during the switch. */
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
