import pg, { type ClientBase, type Pool } from 'pg'
import { quoted } from '../fold/tables.ts'

/** Another process is rebuilding or comparing this read model; try again when it has finished. */
export class ReadModelBusy extends Error {
  override readonly name = 'ReadModelBusy'
}

/**
 * One connection for the whole of a rebuild or a comparison. It holds the locks and runs every decisive statement: if
 * the database crashes in between, which empties unlogged tables, this connection is lost too.
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

/** An exclusive lock until the session ends; `shared` allows other shared holders. */
export const tryLock = async (session: ClientBase, name: string, shared = false): Promise<boolean> => {
  const { rows } = await session.query<{ locked: boolean }>(
    `select pg_try_advisory_lock${shared ? '_shared' : ''}(hashtextextended('mailtrail ' || $1, 0)) as locked`,
    [name],
  )
  return rows[0]!.locked
}

export const unlock = (session: ClientBase, name: string): Promise<unknown> =>
  session.query(`select pg_advisory_unlock(hashtextextended('mailtrail ' || $1, 0))`, [name])

/** lock_not_available, deadlock_detected */
export const isInTheWay = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '')

/**
 * Drops tables unless somebody is reading them. It gives up before PostgreSQL's deadlock check, which might cancel that
 * query instead.
 * @returns false if somebody is
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

/** A part of the session's transaction that is rolled back alone if it fails. */
export const savepoint = async (session: ClientBase, work: () => Promise<unknown>): Promise<void> => {
  await session.query('savepoint part')
  try {
    await work()
    await session.query('release savepoint part')
  } catch (error) {
    await session.query('rollback to savepoint part')
    throw error
  }
}
