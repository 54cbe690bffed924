import type pg from 'pg'
import { migrate } from '../adapters/postgres/migrate.ts'
import { prepareReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import type { AccessCommands } from '../commands/access/access.ts'
import { systemCaller } from '../commands/handle.ts'
import type { ApiKeyStore } from '../commands/ports/api-keys.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { Secret } from '../commands/ports/credentials.ts'
import type { IdempotencyStore } from '../commands/ports/idempotency.ts'
import type { Config } from '../config.ts'
import { newApiKey } from '../http/server/api-key-token.ts'
import { transaction } from '../std/transaction.ts'
import { projections } from './read-models.ts'

/** Brings the database up to date, and releases what a previous process may have left held in it. */
export const prepareDatabase = async ({
  config,
  pool,
  idempotency,
}: {
  readonly config: Pick<Config, 'databaseUrl'>
  readonly pool: pg.Pool
  readonly idempotency: IdempotencyStore
}): Promise<void> => {
  await migrate(pool)
  await prepareReadModels(pool, projections)
  // The embedded database serves only this process, so anything still held is left over from a previous one.
  if (config.databaseUrl === null) {
    await pool.query(`update mailtrail.leases set expires_at = '-infinity'`)
    await idempotency.letGoOfAll()
  }
}

const FIRST_KEY_LOCK = 727_004

/** The key of a service that has none yet; null on later starts, and if there is no API. */
export const makeFirstKey = async ({
  config,
  pool,
  apiKeys,
  clock,
  create,
}: {
  readonly config: Pick<Config, 'role'>
  readonly pool: pg.Pool
  readonly apiKeys: ApiKeyStore
  readonly clock: Clock
  readonly create: AccessCommands['create']
}): Promise<Secret | null> => {
  if (config.role === 'worker') return null
  return transaction(pool, 'begin', async (client) => {
    // If several processes start on an empty database, only one creates it.
    await client.query('select pg_advisory_xact_lock($1)', [FIRST_KEY_LOCK])
    if (await apiKeys.hasAny()) return null
    const caller = systemCaller('first start', clock, 'first start')
    const { id, token, hash } = newApiKey(caller.commandId)
    await create(caller, { id, name: 'first key', scopes: ['*'], userId: null, expiresAt: null }, hash)
    return token
  })
}
