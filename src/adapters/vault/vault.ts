import type { KeyObject } from 'node:crypto'
import type { Pool } from 'pg'
import { Secret, type Credentials, type Vault } from '../../commands/ports/credentials.ts'
import { transaction } from '../../std/transaction.ts'
import { newDataKey, unwrap, wrap, CredentialsUnreadable, type WrappedKey } from './data-key.ts'
import { keyInUse } from './key-in-use.ts'
import { open, seal } from './envelope.ts'
import type { Keyring } from './keyring.ts'

type Sealed = { readonly sealed: Buffer }

/** How many previous versions stay readable: a command that lost a race continues with the one it knows. */
const KEPT_VERSIONS = 4

/**
 * Credentials in PostgreSQL. Each account has a random data key, wrapped by the keyring's key in use; each version of
 * its credentials is one record, sealed under the data key for this account and version. `store` and `load` throw
 * CredentialsUnreadable if the account's data key cannot be opened.
 */
export const postgresVault = (pool: Pool, keyring: Keyring): Vault => ({
  store: (accountId, credentials) =>
    transaction(pool, 'begin', async (client) => {
      const fresh = await wrap(keyring, await keyInUse(client), accountId, newDataKey())
      const { rows } = await client.query<WrappedKey & { last_version: number }>(
        `insert into mailtrail.credential_keys as k (account_id, last_version, key_id, wrapped_key)
         values ($1, 1, $2, $3)
         on conflict (account_id) do update set last_version = k.last_version + 1,
           key_id = coalesce(k.key_id, excluded.key_id), wrapped_key = coalesce(k.wrapped_key, excluded.wrapped_key)
         returning last_version, key_id, wrapped_key`,
        [accountId, fresh.key_id, fresh.wrapped_key],
      )
      const version = rows[0]!.last_version
      const key = await unwrap(keyring, accountId, rows[0]!)
      await client.query(
        'insert into mailtrail.credentials (account_id, version, sealed) values ($1, $2, $3)',
        [accountId, version, seal(key, written(credentials), recordOf(accountId, version))],
      )
      await client.query('delete from mailtrail.credentials where account_id = $1 and version <= $2', [
        accountId,
        version - KEPT_VERSIONS,
      ])
      return { version }
    }),

  load: async (accountId, version): Promise<Credentials | null> => {
    const { rows } = await pool.query<WrappedKey & Sealed>(
      `select key_id, wrapped_key, sealed
       from mailtrail.credentials join mailtrail.credential_keys using (account_id)
       where account_id = $1 and version = $2 and wrapped_key is not null`,
      [accountId, version],
    )
    const [row] = rows
    if (!row) return null
    return opened(await unwrap(keyring, accountId, row), row, accountId, version)
  },

  renew: (accountId, version, renewed) =>
    transaction(pool, 'begin', async (client) => {
      const { rows } = await client.query<WrappedKey & Sealed>(
        `select key_id, wrapped_key, sealed
         from mailtrail.credentials c join mailtrail.credential_keys using (account_id)
         where account_id = $1 and version = $2 and wrapped_key is not null for update of c`,
        [accountId, version],
      )
      const [row] = rows
      if (!row) return null
      const key = await unwrap(keyring, accountId, row)
      const stored = opened(key, row, accountId, version)
      const fresh = await renewed(stored)
      if (fresh === null) return stored
      await client.query(
        'update mailtrail.credentials set sealed = $3 where account_id = $1 and version = $2',
        [accountId, version, seal(key, written(fresh), recordOf(accountId, version))],
      )
      return fresh
    }),

  destroy: (accountId) =>
    transaction(pool, 'begin', async (client) => {
      await client.query(
        'update mailtrail.credential_keys set key_id = null, wrapped_key = null where account_id = $1',
        [accountId],
      )
      await client.query('delete from mailtrail.credentials where account_id = $1', [accountId])
    }),

  discard: (accountId, versions) =>
    transaction(pool, 'begin', async (client) => {
      // Held against a `store` of the same account.
      await client.query('select from mailtrail.credential_keys where account_id = $1 for update', [
        accountId,
      ])
      await client.query('delete from mailtrail.credentials where account_id = $1 and version = any($2)', [
        accountId,
        versions,
      ])
      await client.query(
        `delete from mailtrail.credential_keys k where account_id = $1 and wrapped_key is not null
           and not exists (select from mailtrail.credentials c where c.account_id = k.account_id)`,
        [accountId],
      )
    }),

  stored: async (before, after, limit) => {
    const { rows } = await pool.query<{ accountId: string; versions: number[] }>(
      `select account_id as "accountId", array_agg(version order by version) as versions
       from mailtrail.credentials where created_at < $1 and account_id > $2
       group by account_id order by account_id limit $3`,
      [before, after ?? '', limit],
    )
    return rows
  },
})

const opened = (key: KeyObject, { sealed }: Sealed, accountId: string, version: number): Credentials => {
  const plain = open(key, sealed, recordOf(accountId, version))
  if (!plain) throw new CredentialsUnreadable(accountId, 'they do not match what was stored')
  return read(plain)
}

const recordOf = (accountId: string, version: number) => ['mailtrail credentials', accountId, version]

const written = (credentials: Credentials): Buffer =>
  Buffer.from(
    JSON.stringify(Object.entries(credentials).map(([name, secret]) => [name, secret.reveal()])),
    'utf8',
  )

const read = (plain: Buffer): Credentials => {
  const entries = JSON.parse(plain.toString('utf8')) as [string, string][]
  return Object.fromEntries(entries.map(([name, text]) => [name, new Secret(text)]))
}
