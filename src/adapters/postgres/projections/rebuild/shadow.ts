import type { ClientBase, Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { transaction } from '../../../../std/transaction.ts'
import { createDraft, readModelTables } from '../fold/tables.ts'
import { livePositions } from '../state/checkpoints.ts'
import { skippedOf } from '../state/parked.ts'
import { fillTables, type FillDeps, type Filling, type FillProgress } from './fill.ts'
import { dropUnread, ReadModelBusy, transactionOn, tryLock, unlock } from './session.ts'

/** The schema of a shadow beside the tables in use: `rm_outbox_v1__rebuild`. */
export const shadowOf = (projection: AnyProjection, purpose: string): string =>
  `${schemaOf(projection)}__${purpose}`

// Durability is not needed: a shadow is useless once the process that fills it is gone, until it replaces the tables in
// use.
export const BEGIN_FILLING = 'begin; set local synchronous_commit = off'

/**
 * Drops shadows left behind by processes that died. A shadow being filled is locked by its name.
 * @returns those that are still being read, and stay
 */
export const dropAbandoned = async (session: ClientBase, projection: AnyProjection): Promise<string[]> => {
  const read: string[] = []
  const { rows } = await session.query<{ name: string }>(
    'select nspname as name from pg_namespace where starts_with(nspname, $1)',
    [shadowOf(projection, '')],
  )
  for (const { name } of rows)
    if (await tryLock(session, name)) {
      if (!(await dropUnread(session, name))) read.push(name)
      await unlock(session, name)
    }
  return read
}

/** Empty tables of the projection in this schema, locked by the session, at the start of the log. */
export const makeShadow = async (
  session: ClientBase,
  projection: AnyProjection,
  schema: string,
): Promise<Filling> => {
  if (!(await tryLock(session, schema))) throw new ReadModelBusy(`Another process is filling ${schema}`)
  await transactionOn(session, BEGIN_FILLING, () => createDraft(session, schema, projection.tables))
  return {
    projection,
    tables: readModelTables(schema, projection.tables, false),
    skipped: await skippedOf(session, projection),
    position: null,
    until: null,
    stopped: null,
  }
}

export type ShadowDeps = {
  readonly store: EventStore
  /** From `createPool`, with four more connections than `writers`. */
  readonly pool: Pool
  readonly signal?: AbortSignal
  /** How many read models are written at the same time. */
  readonly writers?: number
  /** Maximum number of events in a page. */
  readonly pageSize?: number
  readonly onProgress?: (progress: FillProgress) => void
}

/** The usual way to fill: one transaction per page. */
export const fillDeps = (
  { store, pool, signal, writers = 4, pageSize = 500 }: Omit<ShadowDeps, 'onProgress'>,
  onPage?: FillDeps['onPage'],
): FillDeps => ({
  store,
  transaction: (work) => transaction(pool, BEGIN_FILLING, work),
  writers,
  pageSize,
  signal: signal ?? new AbortController().signal,
  ...(onPage ? { onPage } : {}),
})

/**
 * Reads the log once for all of these, up to where the tables in use are now. Those that were never filled stay `empty`
 * beside such tables, or go to the `head`.
 * @returns the number of pages
 */
export const fillToLive = async (
  client: ClientBase,
  deps: ShadowDeps,
  fillings: readonly Filling[],
  unfilled: 'head' | 'empty',
): Promise<number> => {
  const { store, onProgress } = deps
  const { positions, head } = await livePositions(
    client,
    store,
    fillings.map(({ projection }) => projection),
  )
  let until: Position | null = null
  for (const [index, of] of fillings.entries()) {
    of.until = positions[index] ?? (unfilled === 'head' ? head : null)
    if (until === null || (of.until !== null && of.until > until)) until = of.until
  }
  const { unit, amount: whole } = store.extent(until)
  const tell = (position: Position): void =>
    onProgress?.({
      stage: 'reading',
      unit,
      amount: Math.min(store.extent(position).amount, whole),
      of: whole,
    })
  return fillTables(
    fillDeps(deps, ({ position }) => tell(position)),
    fillings,
  )
}
