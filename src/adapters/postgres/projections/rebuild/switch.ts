import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { schemaOf } from '../../../../projections/projection.ts'
import { fillTables, type Filling, type FillParts } from './fill.ts'
import { clearParked } from '../state/parked.ts'
import { dropUnread, isInTheWay, livePosition, shadowOf, skippedOf, transactionOn } from './shadow.ts'
import { quoted } from '../fold/tables.ts'

/**
 * Puts filled tables in the place of those in use, in one transaction under the checkpoint's lock: what is missing up to
 * the checkpoint is folded first, so that the checkpoint stays where it is and no runner need know. Only one that lies
 * behind the tables, or is not there, is moved to them. Who asks meanwhile gets an answer of the old tables or of the
 * new ones, which are equal then.
 * @returns 'stopped' where an event turned out to be in the way, 'outdated' where one that is in the new tables was
 *   skipped meanwhile; nothing has changed then
 */
export const switchOver = async (
  session: ClientBase,
  parts: FillParts,
  of: Filling,
  storeId: string,
): Promise<'switched' | 'stopped' | 'outdated'> =>
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
    // Events are only ever added to these, under the lock that is held now.
    if ((await skippedOf(session, of.projection)).size > of.skipped.size) return 'outdated'
    const live = (await livePosition(session, of.projection, storeId)) ?? null
    if (live !== null) {
      of.until = live
      await fillTables({ ...parts, transaction: savepoints(session), writers: 1 }, [of])
      if (of.stopped) return 'stopped'
    }
    if (of.position !== null && (live === null || live < of.position))
      await session.query(
        'update mailtrail.checkpoints set position = $3, updated_at = now() where projection = $1 and version = $2',
        [name, version, of.position],
      )
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

/** Names to use in SQL; null where there is no such schema. */
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
 * Waits for the queries that read these tables, and has others wait for the end of the transaction, so that none finds
 * some of its tables old and some new. It gives way early, as `dropUnread` does; and where somebody reads for long, as a
 * backup may, the switch is made without it.
 */
const closeToReaders = async (session: ClientBase, tables: readonly string[]): Promise<void> => {
  for (let attempt = 0; attempt < LOCK_TRIES && tables.length > 0; attempt++)
    try {
      await savepoints(session)(async () => {
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
 * Drops the tables that were in use. A query that began before the switch may still read them, and goes first.
 * @returns false where somebody still reads them after a minute
 */
export const dropOld = async (session: ClientBase, schema: string): Promise<boolean> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await dropUnread(session, schema)) return true
    await pause(600)
  }
  return false
}
