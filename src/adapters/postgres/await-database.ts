import type pg from 'pg'
import { pause } from '../../std/pause.ts'

// Refused or reset connections, no socket yet, a name that cannot be looked up for now; starting up (PostgreSQL
// appendix A).
const COMING_UP = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EAI_AGAIN', '57P03'])

/**
 * Waits until the database answers, for one that is started together with us. `onWait` is called once if it does not
 * answer at the first attempt.
 * @throws what the last attempt failed with; at once if that has another cause, such as a wrong password
 */
export const awaitDatabase = async (pool: pg.Pool, patienceMs: number, onWait: () => void): Promise<void> => {
  const until = performance.now() + patienceMs
  for (let attempt = 0; ; attempt++) {
    try {
      await pool.query('select 1')
      return
    } catch (error) {
      if (!isComingUp(error) || performance.now() > until) throw error
    }
    if (attempt === 0) onWait()
    await pause(500)
  }
}

/** A name with several addresses fails with the errors of all. */
const isComingUp = (error: unknown): boolean =>
  error instanceof AggregateError
    ? error.errors.every(isComingUp)
    : error instanceof Error && COMING_UP.has((error as NodeJS.ErrnoException).code ?? '')
