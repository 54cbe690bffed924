import { timingSafeEqual } from 'node:crypto'
import type pg from 'pg'
import type { ApiKey, ApiKeyStore, ListedApiKey } from '../../commands/ports/api-keys.ts'
import { transaction } from '../../std/transaction.ts'

/** How long a valid key is cached before it is looked up again. */
const KNOWN_MS = 1000

const REVOKING_LOCK = 727_005

const columns = `id, name, to_json(scopes) as scopes, user_id as "userId", expires_at as "expiresAt"`

/**
 * API keys in PostgreSQL. A valid key is looked up at most once a second, not on every request. This process refuses a
 * key it revoked at once, others within a second. The time of last use is accurate to the minute.
 */
export const postgresApiKeys = (pool: pg.Pool): ApiKeyStore => {
  /** Keyed by hash, so that only whoever has the key can hit an entry. */
  const known = new Map<string, { readonly found: Promise<ApiKey | null>; readonly until: number }>()

  const lookUp = async (id: string, hash: Buffer): Promise<ApiKey | null> => {
    const { rows } = await pool.query<ApiKey & { hash: Buffer; used: boolean }>({
      name: 'mailtrail_find_key',
      text: `select ${columns}, hash, coalesce(last_used_at > now() - interval '1 minute', false) as used
        from mailtrail.api_keys where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
      values: [id],
    })
    const [row] = rows
    if (!row || !timingSafeEqual(row.hash, hash)) return null
    if (!row.used) await pool.query('update mailtrail.api_keys set last_used_at = now() where id = $1', [id])
    return { id: row.id, name: row.name, scopes: row.scopes, userId: row.userId, expiresAt: row.expiresAt }
  }

  return {
    find: async (id, hash) => {
      const name = hash.toString('base64')
      const now = performance.now()
      const entry = known.get(name)
      if (entry && now < entry.until) return entry.found
      // Counted from the lookup, not from its result, which may be out of date when it arrives.
      const asked = { found: lookUp(id, hash), until: now + KNOWN_MS }
      known.set(name, asked)
      const forget = () => known.get(name) === asked && known.delete(name)
      try {
        const found = await asked.found
        if (!found) forget()
        return found
      } catch (error) {
        forget()
        throw error
      }
    },
    list: () => listed(pool),
    insert: async (key, hash) => {
      const { rowCount } = await pool.query(
        `insert into mailtrail.api_keys (id, name, hash, scopes, user_id, expires_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
        [key.id, key.name, hash, key.scopes, key.userId, key.expiresAt, key.createdBy],
      )
      return rowCount === 1
    },
    revoke: async (id, by, check) => {
      const revoked = await transaction(pool, 'begin', async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [REVOKING_LOCK])
        const keys = await listed(client)
        check(keys)
        await client.query(
          'update mailtrail.api_keys set revoked_at = now(), revoked_by = $2 where id = $1 and revoked_at is null',
          [id, by],
        )
        return keys.find((key) => key.id === id) ?? null
      })
      known.clear()
      return revoked
    },
  }
}

const listed = async (db: pg.Pool | pg.PoolClient): Promise<ListedApiKey[]> => {
  const { rows } = await db.query<ListedApiKey>(
    `select ${columns}, created_at as "createdAt", created_by as "createdBy", last_used_at as "lastUsedAt",
       revoked_at as "revokedAt", revoked_by as "revokedBy"
     from mailtrail.api_keys order by created_at, id`,
  )
  return rows
}
