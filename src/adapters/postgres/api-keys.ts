import { timingSafeEqual } from 'node:crypto'
import type pg from 'pg'

type Key = { id: string; name: string; scopes: string[]; userId: string | null; expiresAt: string | null }
type Listed = Key & { createdAt: string; lastUsedAt: string | null; revokedAt: string | null }

const columns = `id, name, to_json(scopes) as scopes, user_id as "userId", expires_at as "expiresAt"`

/** Keys of the API in PostgreSQL. The time of last use is kept to the minute, so that it costs next to nothing. */
export const postgresApiKeys = (pool: pg.Pool) => ({
  find: async (id: string, hash: Buffer): Promise<Key | null> => {
    const { rows } = await pool.query<Key & { hash: Buffer; used: boolean }>(
      `select ${columns}, hash, coalesce(last_used_at > now() - interval '1 minute', false) as used
       from mailtrail.api_keys where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
      [id],
    )
    const [row] = rows
    if (!row || !timingSafeEqual(row.hash, hash)) return null
    if (!row.used) await pool.query('update mailtrail.api_keys set last_used_at = now() where id = $1', [id])
    return { id: row.id, name: row.name, scopes: row.scopes, userId: row.userId, expiresAt: row.expiresAt }
  },
  list: async (): Promise<Listed[]> => {
    const { rows } = await pool.query<Listed>(
      `select ${columns}, created_at as "createdAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"
       from mailtrail.api_keys order by created_at, id`,
    )
    return rows
  },
  insert: async (
    key: {
      id: string
      name: string
      scopes: readonly string[]
      userId: string | null
      expiresAt: string | null
    },
    hash: Buffer,
  ): Promise<void> => {
    await pool.query(
      'insert into mailtrail.api_keys (id, name, hash, scopes, user_id, expires_at) values ($1, $2, $3, $4, $5, $6)',
      [key.id, key.name, hash, key.scopes, key.userId, key.expiresAt],
    )
  },
  revoke: async (id: string): Promise<boolean> => {
    const { rowCount } = await pool.query(
      'update mailtrail.api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1',
      [id],
    )
    return rowCount === 1
  },
})
