import type pg from 'pg'
import type { IdempotencyStore, KeptAnswer, TakenKey } from '../../commands/ports/idempotency.ts'

type KeptRow = { taken: boolean; same: boolean | null } & {
  [Name in keyof KeptAnswer]: KeptAnswer[Name] | null
}

/**
 * How long a request holds its key before a repeat may take over. Two at once are only wasteful, since the log
 * recognises the command; if one of several processes crashes, a client that retries waits this long.
 */
const HOLD_SECONDS = 15
const KEPT_DAYS = 7

/** Select from this, and the transaction of the statement commits without waiting for the disk. */
const UNHURRIED = `(select set_config('synchronous_commit', 'off', true)) as unhurried`

/**
 * Also returns what another request holds or was answered, unless that row appeared after the statement began. A key
 * that is held for much longer than any request holds one is from before the clock was set back.
 */
const TAKE = `
  with taken as (
    insert into mailtrail.idempotency_keys as k (key, fingerprint, locked_until)
    select $1::text, $2::bytea, now() + make_interval(secs => $3) from ${UNHURRIED}
    on conflict (key) do update set locked_until = excluded.locked_until, fingerprint = excluded.fingerprint,
      status = null, headers = null, body = null, created_at = now()
    where k.created_at < now() - make_interval(days => $4)
      or (k.fingerprint = $2 and k.status is null
        and (k.locked_until between now() and now() + 2 * make_interval(secs => $3)) is not true)
    returning 1)
  select exists (select from taken) as taken, k.fingerprint = $2 as same, k.status, k.headers, k.body
  from (select) as one left join mailtrail.idempotency_keys k on k.key = $1`

/**
 * Answers by Idempotency-Key, kept for seven days, one statement per step. Commits do not wait for the disk: what a
 * crash loses here the log still knows, because the command id is derived from the key.
 */
export const postgresIdempotency = (pool: pg.Pool): IdempotencyStore => {
  const take = async (key: string, fingerprint: Buffer): Promise<TakenKey> => {
    const { rows } = await pool.query<KeptRow>({
      name: 'mailtrail_take_key',
      text: TAKE,
      values: [key, fingerprint, HOLD_SECONDS, KEPT_DAYS],
    })
    const { taken, same, status, headers, body } = rows[0]!
    if (taken) return { kind: 'taken' }
    // Another request took it after this statement began: the next statement sees it.
    if (same === null) return take(key, fingerprint)
    if (!same) return { kind: 'other' }
    if (status === null || headers === null || body === null) return { kind: 'running' }
    return { kind: 'answered', answer: { status, headers, body } }
  }
  return {
    take,
    keep: async (key, answer) => {
      await pool.query({
        name: 'mailtrail_keep_answer',
        text: `update mailtrail.idempotency_keys set status = $2, headers = $3, body = $4, locked_until = null
          from ${UNHURRIED} where key = $1`,
        values: [key, answer.status, JSON.stringify(answer.headers), answer.body],
      })
    },
    letGo: async (key) => {
      await pool.query(
        `update mailtrail.idempotency_keys set locked_until = null from ${UNHURRIED}
         where key = $1 and status is null`,
        [key],
      )
    },
    letGoOfAll: async () => {
      await pool.query(
        'update mailtrail.idempotency_keys set locked_until = null where locked_until is not null',
      )
    },
    sweep: async () => {
      const { rowCount } = await pool.query(
        'delete from mailtrail.idempotency_keys where created_at < now() - make_interval(days => $1)',
        [KEPT_DAYS],
      )
      return rowCount ?? 0
    },
  }
}
