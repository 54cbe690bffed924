import pg, { type ClientBase, type Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { aheadOfLog, ofAnotherLog } from '../state/checkpoints.ts'
import { fillTables, type FillParts, type FillProgress, type Filling } from './fill.ts'
import { createDraft, quoted, readModelTables } from '../fold/tables.ts'
import { transaction } from '../../transaction.ts'

/** A read model that another process is making anew or comparing; it can be done when that one has ended. */
export class ReadModelBusy extends Error {
  override readonly name = 'ReadModelBusy'
}

/** Where a shadow stands beside the tables in use: `rm_outbox_v1__rebuild`. */
export const shadowOf = (projection: AnyProjection, purpose: string): string =>
  `${schemaOf(projection)}__${purpose}`

// Nothing of a shadow outlives the process that fills it, until it takes its place.
export const BEGIN_FILLING = 'begin; set local synchronous_commit = off'

/**
 * One connection for the whole of a rebuild or a comparison. It holds the locks, and whatever is decided is decided on
 * it: where the database has crashed in between, and emptied what was being filled, this connection is gone too.
 */
export const withSession = async <Result>(
  pool: Pool,
  work: (session: ClientBase) => Promise<Result>,
): Promise<Result> => {
  const session = await pool.connect()
  try {
    return await work(session)
  } finally {
    await session.query('select pg_advisory_unlock_all()').then(
      () => session.release(),
      () => session.release(true),
    )
  }
}

/** One transaction on a connection that is held for longer. */
export const transactionOn = async <Result>(
  session: ClientBase,
  begin: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  await session.query(begin)
  try {
    const result = await work()
    await session.query('commit')
    return result
  } catch (error) {
    await session.query('rollback').catch(() => {})
    throw error
  }
}

/** Keeps everybody else from it while the session lasts; `shared` lets others share it. */
export const tryLock = async (session: ClientBase, name: string, shared = false): Promise<boolean> => {
  const { rows } = await session.query<{ locked: boolean }>(
    `select pg_try_advisory_lock${shared ? '_shared' : ''}(hashtextextended('mailtrail ' || $1, 0)) as locked`,
    [name],
  )
  return rows[0]!.locked
}

const unlock = (session: ClientBase, name: string): Promise<unknown> =>
  session.query(`select pg_advisory_unlock(hashtextextended('mailtrail ' || $1, 0))`, [name])

/** lock_not_available, deadlock_detected */
export const isInTheWay = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '')

/**
 * Drops tables unless somebody reads them: it gives way before PostgreSQL looks for a deadlock, which it might end at
 * that query's cost. @returns false where somebody does
 */
export const dropUnread = async (session: ClientBase, schema: string): Promise<boolean> => {
  try {
    await transactionOn(session, `begin; set local lock_timeout = '400ms'`, () =>
      session.query(`drop schema if exists ${quoted(schema)} cascade`),
    )
    return true
  } catch (error) {
    if (!isInTheWay(error)) throw error
    return false
  }
}

/**
 * Drops shadows that processes left behind which died. Each is locked by its name while somebody fills it.
 * @returns those that are read still, and stay
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

/** Empty tables of the projection in this schema, locked by the session, and nothing read yet. */
export const makeShadow = async (
  session: ClientBase,
  projection: AnyProjection,
  schema: string,
): Promise<Filling> => {
  if (!(await tryLock(session, schema))) throw new ReadModelBusy(`Somebody else is filling ${schema}`)
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

/** Ids of the events that somebody decided to go without in this read model. */
export const skippedOf = async (
  db: Pool | ClientBase,
  { name, version }: AnyProjection,
): Promise<Set<string>> => {
  const { rows } = await db.query<{ id: string }>(
    'select event_id as id from mailtrail.skipped_events where projection = $1 and version = $2',
    [name, version],
  )
  return new Set(rows.map(({ id }) => id))
}

export type ShadowParts = {
  readonly store: EventStore
  /** Of `createPool`, with four connections more than `writers`. */
  readonly pool: Pool
  readonly signal?: AbortSignal
  /** Read models that are written at the same time. */
  readonly writers?: number
  /** Events in a page, at most. */
  readonly pageSize?: number
  readonly onProgress?: (progress: FillProgress) => void
}

/** The usual way to fill: a transaction of its own for each page. */
export const fillParts = (
  { store, pool, signal, writers = 4, pageSize = 500 }: Omit<ShadowParts, 'onProgress'>,
  onPage?: FillParts['onPage'],
): FillParts => ({
  store,
  transaction: (work) => transaction(pool, BEGIN_FILLING, work),
  writers,
  pageSize,
  signal: signal ?? new AbortController().signal,
  ...(onPage ? { onPage } : {}),
})

/**
 * How far the tables in use are; undefined where they were never filled.
 * @throws CheckpointRefused where they belong to another log
 */
export const livePosition = async (
  client: ClientBase,
  { name, version }: AnyProjection,
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
 * @throws CheckpointRefused where some belong to another log, or are ahead of this one
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
  // Asked for last, as runners go on meanwhile. An empty log ends at the place where reading it ends.
  const head = (await store.head()) ?? (await store.readAll({ after: null, limit: 1 })).position
  const ahead = projections.find((_projection, index) => (positions[index] ?? '') > head)
  if (ahead) throw aheadOfLog(schemaOf(ahead))
  return { positions, head }
}

/**
 * One reading of the log for all of these, up to where the tables in use are by now. Those that were never filled stay
 * `empty` beside such tables, or go to the `head`. @returns how many pages it had
 */
export const fillToLive = async (
  client: ClientBase,
  parts: ShadowParts,
  fillings: readonly Filling[],
  unfilled: 'head' | 'empty',
): Promise<number> => {
  const { store, onProgress } = parts
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
    fillParts(parts, ({ position }) => tell(position)),
    fillings,
  )
}
