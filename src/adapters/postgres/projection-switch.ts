import { setTimeout as pause } from 'node:timers/promises'
import pg, { type ClientBase } from 'pg'
import { schemaOf } from '../../projections/projection.ts'
import { fillTables, type Filling, type FillParts } from './projection-fill.ts'
import { clearParked } from './projection-parked.ts'
import { livePosition, shadowOf, transactionOn } from './projection-shadow.ts'
import { quoted } from './projection-tables.ts'

/**
 * Puts filled tables in the place of those in use, in one transaction under the checkpoint's lock: what is missing up to
 * the checkpoint is folded first, so that the checkpoint stays where it is and no runner need know. Only one that lies
 * behind the tables, or is not there, is moved to them. Who asks meanwhile gets an answer of the old tables or of the
 * new ones, which are equal then.
 * @returns false where an event turned out to be in the way; nothing has changed then
 */
export const switchOver = async (
  session: ClientBase,
  parts: FillParts,
  of: Filling,
  storeId: string,
): Promise<boolean> =>
  transactionOn(session, 'begin', async () => {
    const { name, version } = of.projection
    await session.query(
      'insert into mailtrail.checkpoints (projection, version, store_id) values ($1, $2, $3) on conflict do nothing',
      [name, version, storeId],
    )
    await session.query(
      'select from mailtrail.checkpoints where projection = $1 and version = $2 for update',
      [name, version],
    )
    // The runner may have gone past what was the end of the log when this began.
    const live = (await livePosition(session, of.projection, { storeId })) ?? null
    if (live !== null) {
      of.until = live
      await fillTables({ ...parts, transaction: savepoints(session), writers: 1 }, [of])
      if (of.stopped) return false
    }
    if (of.position !== null && (live === null || live < of.position))
      await session.query(
        'update mailtrail.checkpoints set position = $3, updated_at = now() where projection = $1 and version = $2',
        [name, version, of.position],
      )
    const schema = schemaOf(of.projection)
    const used = await session.query('select from pg_namespace where nspname = $1', [schema])
    if (used.rowCount === 1)
      await session.query(
        `alter schema ${quoted(schema)} rename to ${quoted(shadowOf(of.projection, 'old'))}`,
      )
    await session.query(`alter schema ${quoted(of.tables.schema)} rename to ${quoted(schema)}`)
    await clearParked(session, of.projection)
    return true
  })

const savepoints =
  (session: ClientBase): FillParts['transaction'] =>
  async (work) => {
    await session.query('savepoint page')
    try {
      await work(session)
      await session.query('release savepoint page')
    } catch (error) {
      await session.query('rollback to savepoint page')
      throw error
    }
  }

const TRIES = 60

/**
 * Drops the tables that were in use. A query that began before the switch may still read them, and goes first: the
 * drop gives way before PostgreSQL looks for a deadlock, which it might end at that query's cost.
 * @returns false where somebody still reads them after a minute
 */
export const dropOld = async (session: ClientBase, schema: string): Promise<boolean> => {
  for (let attempt = 0; attempt < TRIES; attempt++)
    try {
      await transactionOn(session, `begin; set local lock_timeout = '400ms'`, () =>
        session.query(`drop schema if exists ${quoted(schema)} cascade`),
      )
      return true
    } catch (error) {
      // lock_not_available, deadlock_detected
      if (!(error instanceof pg.DatabaseError) || !['55P03', '40P01'].includes(error.code ?? '')) throw error
      await pause(600)
    }
  return false
}
