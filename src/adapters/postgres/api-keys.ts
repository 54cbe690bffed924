import { timingSafeEqual } from 'node:crypto'
import type pg from 'pg'
import type {
  ApiKey,
  ApiKeyFilter,
  ApiKeyPage,
  ApiKeyStore,
  ListedApiKey,
} from '../../commands/ports/api-keys.ts'
import { containing } from '../../projections/projection.ts'
import { transaction } from '../../std/transaction.ts'

/** How long a valid key is cached before it is looked up again. */
const KNOWN_MS = 1000

const REVOKING_LOCK = 727_005

const columns = `id, name, to_json(scopes) as scopes, user_id as "userId", expires_at as "expiresAt"`
const listed = `${columns}, created_at as "createdAt", created_by as "createdBy", last_used_at as "lastUsedAt",
  revoked_at as "revokedAt", revoked_by as "revokedBy"`

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
    list: (filter, page) => list(pool, filter, page),
    hasAny: async () => (await pool.query('select from mailtrail.api_keys limit 1')).rowCount === 1,
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
        const { rows: keys } = await client.query<ListedApiKey>(`select ${listed} from mailtrail.api_keys`)
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

const list = async (
  pool: pg.Pool,
  { id, userId, status, search }: ApiKeyFilter,
  { by, descending, after, limit }: ApiKeyPage,
): Promise<ListedApiKey[]> => {
  const values: unknown[] = []
  const value = (of: unknown): string => `$${values.push(of)}`
  const column = by === 'name' ? 'lower(name)' : 'created_at'
  const given = (text: string) => (by === 'name' ? `lower(${value(text)})` : value(text))
  const [direction, behind] = descending ? ['desc', '<'] : ['asc', '>']
  const conditions = [
    'true',
    id !== undefined && `id = ${value(id)}`,
    userId !== undefined && `user_id = ${value(userId)}`,
    status !== undefined && hasStatus[status],
    search !== undefined && `name ilike ${value(containing(search))}`,
    after !== null && `(${column}, id) ${behind} (${given(after[0])}, ${value(after[1])})`,
  ].filter((condition) => condition !== false)
  const { rows } = await pool.query<ListedApiKey>(
    `select ${listed} from mailtrail.api_keys where ${conditions.join(' and ')}
     order by ${column} ${direction}, id ${direction} limit ${value(limit)}`,
    values,
  )
  return rows
}

const hasStatus = {
  revoked: 'revoked_at is not null',
  expired: 'revoked_at is null and expires_at <= now()',
  active: 'revoked_at is null and (expires_at is null or expires_at > now())',
} as const
