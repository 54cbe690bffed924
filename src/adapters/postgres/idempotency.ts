import type pg from 'pg'

type Answer = { status: number; headers: Record<string, string>; body: string }
type Taken = { kind: 'taken' | 'running' | 'other' } | { kind: 'answered'; answer: Answer }
type KeptRow = { same: boolean } & { [Name in keyof Answer]: Answer[Name] | null }

/**
 * How long a request may hold its key before a repeat of it takes over. Two at once are a waste and no more, since the log
 * knows the command; after a crash of one of several processes a careful client waits for so long.
 */
const HOLD_SECONDS = 15
const KEPT_DAYS = 7

/**
 * Answers under their Idempotency-Key, kept for seven days. Written without waiting for the disk: what a crash takes
 * from here the log still knows, because the command id comes from the key.
 */
export const postgresIdempotency = (pool: pg.Pool) => {
  const write = async <Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> => {
    const client = await pool.connect()
    try {
      await client.query('begin; set local synchronous_commit = off')
      const { rows } = await client.query<Row>(text, values)
      await client.query('commit')
      client.release()
      return rows
    } catch (error) {
      client.release(true)
      throw error
    }
  }
  return {
    take: async (key: string, fingerprint: Buffer): Promise<Taken> => {
      const taken = await write(
        `insert into mailtrail.idempotency_keys as k (key, fingerprint, locked_until)
         values ($1, $2, now() + make_interval(secs => $3))
         on conflict (key) do update set locked_until = excluded.locked_until, fingerprint = excluded.fingerprint,
           status = null, headers = null, body = null, created_at = now()
         where k.created_at < now() - make_interval(days => $4)
            or (k.fingerprint = $2 and k.status is null and (k.locked_until is null or k.locked_until < now()))
         returning 1`,
        [key, fingerprint, HOLD_SECONDS, KEPT_DAYS],
      )
      if (taken.length === 1) return { kind: 'taken' }
      const { rows } = await pool.query<KeptRow>(
        `select fingerprint = $2 as same, status, headers, body from mailtrail.idempotency_keys where key = $1`,
        [key, fingerprint],
      )
      const [row] = rows
      if (!row?.same) return { kind: 'other' }
      const { status, headers, body } = row
      if (status === null || headers === null || body === null) return { kind: 'running' }
      return { kind: 'answered', answer: { status, headers, body } }
    },
    keep: async (
      key: string,
      answer: { status: number; headers: Readonly<Record<string, string>>; body: string },
    ) => {
      await write(
        'update mailtrail.idempotency_keys set status = $2, headers = $3, body = $4, locked_until = null where key = $1',
        [key, answer.status, JSON.stringify(answer.headers), answer.body],
      )
    },
    letGo: async (key: string) => {
      await write(
        'update mailtrail.idempotency_keys set locked_until = null where key = $1 and status is null',
        [key],
      )
    },
    /** Lets go of every key, for a start after a crash: who held them is gone, and a repeat need not wait. */
    letGoOfAll: async (): Promise<void> => {
      await pool.query(
        'update mailtrail.idempotency_keys set locked_until = null where locked_until is not null',
      )
    },
    /** Drops what is older than it needs to be. @returns how many */
    sweep: async (): Promise<number> => {
      const { rowCount } = await pool.query(
        'delete from mailtrail.idempotency_keys where created_at < now() - make_interval(days => $1)',
        [KEPT_DAYS],
      )
      return rowCount ?? 0
    },
  }
}
