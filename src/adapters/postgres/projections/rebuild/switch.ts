import type { ClientBase } from 'pg'
import { schemaOf } from '../../../../projections/projection.ts'
import { pause } from '../../../../std/pause.ts'
import { quoted } from '../fold/tables.ts'
import { livePosition, lockCheckpoint, makeCheckpoint, setCheckpoint } from '../state/checkpoints.ts'
import { clearParked, skippedOf } from '../state/parked.ts'
import { fillTables, type FillDeps, type Filling } from './fill.ts'
import { dropUnread, isInTheWay, savepoint, transactionOn } from './session.ts'
import { shadowOf } from './shadow.ts'

/**
 * Replaces the tables in use with the filled ones, in one transaction under the checkpoint's lock. Events missing up to
 * the checkpoint are folded first, so the checkpoint does not move and no runner needs to know. Only a checkpoint that
 * is missing, or behind the new tables, is moved to them. Queries meanwhile are answered from the old tables or the new
 * ones, which are equal by then.
 * @returns 'stopped' if an event could not be folded, 'outdated' if an event in the new tables was skipped meanwhile;
 * nothing has changed then
 */
export const switchOver = async (
  session: ClientBase,
  deps: FillDeps,
  of: Filling,
  storeId: string,
): Promise<'switched' | 'stopped' | 'outdated'> =>
  transactionOn(session, 'begin', async () => {
    await makeCheckpoint(session, of.projection, storeId)
    await lockCheckpoint(session, of.projection)
    // Rows are only ever added here, under the lock held now.
    if ((await skippedOf(session, of.projection)).size > of.skipped.size) return 'outdated'
    const live = (await livePosition(session, of.projection, storeId)) ?? null
    if (live !== null) {
      of.until = live
      const page: FillDeps['transaction'] = (work) => savepoint(session, () => work(session))
      await fillTables({ ...deps, transaction: page, writers: 1 }, [of])
      if (of.stopped) return 'stopped'
    }
    if (of.position !== null && (live === null || live < of.position))
      await setCheckpoint(session, of.projection, of.position)
    const schema = schemaOf(of.projection)
    const used = await tablesIn(session, schema)
    if (used) {
      await closeToReaders(session, used)
      const old = shadowOf(of.projection, 'old')
      await session.query(`alter schema ${quoted(schema)} rename to ${quoted(old)}`)
    }
    await session.query(`alter schema ${quoted(of.tables.schema)} rename to ${quoted(schema)}`)
    await clearParked(session, of.projection)
    return 'switched'
  })

/** Quoted table names; null if there is no such schema. */
const tablesIn = async (session: ClientBase, schema: string): Promise<string[] | null> => {
  const { rows } = await session.query<{ name: string | null }>(
    `select c.oid::regclass::text as name from pg_namespace n
     left join pg_class c on c.relnamespace = n.oid and c.relkind = 'r' where n.nspname = $1`,
    [schema],
  )
  return rows.length === 0 ? null : rows.flatMap(({ name }) => name ?? [])
}

const LOCK_TRIES = 5

/**
 * Waits for queries that read these tables, and blocks new ones until the transaction ends, so that no query sees some
 * tables old and some new. It gives up early, like `dropUnread`; if somebody reads for long, as a backup may, the
 * switch is made without it.
 */
const closeToReaders = async (session: ClientBase, tables: readonly string[]): Promise<void> => {
  for (let attempt = 0; attempt < LOCK_TRIES && tables.length > 0; attempt++)
    try {
      await savepoint(session, async () => {
        await session.query(`set local lock_timeout = '200ms'`)
        await session.query(`lock table ${tables.join(', ')} in access exclusive mode`)
      })
      break
    } catch (error) {
      if (!isInTheWay(error)) throw error
      await pause(100)
    }
  await session.query(`set local lock_timeout = 0`)
}

const TRIES = 60

/**
 * Drops the tables that were in use. Queries that began before the switch may still read them, and finish first.
 * @returns false if somebody is still reading them after a minute
 */
export const dropOld = async (session: ClientBase, schema: string): Promise<boolean> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await dropUnread(session, schema)) return true
    await pause(600)
  }
  return false
}
