import type { Pool } from 'pg'
import { Secret, type Credentials, type Vault } from '../../commands/ports/credentials.ts'
import { transaction } from '../../std/transaction.ts'
import { newDataKey, unwrap, wrap, CredentialsUnreadable, type WrappedKey } from './data-key.ts'
import { keyInUse } from './key-in-use.ts'
import { open, seal } from './envelope.ts'
import type { Keyring } from './keyring.ts'

type Sealed = { readonly smtp_password: Buffer | null; readonly imap_password: Buffer | null }

/** Versions before the newest that stay readable: a command that lost a race goes on with the one it knows. */
const KEPT_VERSIONS = 4

/**
 * Passwords in PostgreSQL. A random data key an account, wrapped by the key of the ring that the database names; each password sealed
 * under it for its account, field and version.
 * `store` and `load` throw CredentialsUnreadable where the account's data key cannot be opened.
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
      const sealed = (field: Field, secret: Secret | null) =>
        secret && seal(key, Buffer.from(secret.reveal(), 'utf8'), fieldOf(accountId, field, version))
      await client.query(
        'insert into mailtrail.credentials (account_id, version, smtp_password, imap_password) values ($1, $2, $3, $4)',
        [
          accountId,
          version,
          sealed('smtp_password', credentials.smtpPassword),
          sealed('imap_password', credentials.imapPassword),
        ],
      )
      await client.query('delete from mailtrail.credentials where account_id = $1 and version <= $2', [
        accountId,
        version - KEPT_VERSIONS,
      ])
      return { version }
    }),

  load: async (accountId, version): Promise<Credentials | null> => {
    const { rows } = await pool.query<WrappedKey & Sealed>(
      `select key_id, wrapped_key, smtp_password, imap_password
       from mailtrail.credentials join mailtrail.credential_keys using (account_id)
       where account_id = $1 and version = $2 and wrapped_key is not null`,
      [accountId, version],
    )
    const [row] = rows
    if (!row) return null
    const key = await unwrap(keyring, accountId, row)
    const opened = (field: Field) => {
      const sealed = row[field]
      if (!sealed) return null
      const plain = open(key, sealed, fieldOf(accountId, field, version))
      if (!plain) throw new CredentialsUnreadable(accountId, 'they are not what was stored for it')
      return new Secret(plain.toString('utf8'))
    }
    return { smtpPassword: opened('smtp_password'), imapPassword: opened('imap_password') }
  },

  destroy: (accountId) =>
    transaction(pool, 'begin', async (client) => {
      await client.query(
        'update mailtrail.credential_keys set key_id = null, wrapped_key = null where account_id = $1',
        [accountId],
      )
      await client.query('delete from mailtrail.credentials where account_id = $1', [accountId])
    }),
})

type Field = keyof Sealed

const fieldOf = (accountId: string, field: Field, version: number) => [
  'mailtrail credential',
  accountId,
  field,
  version,
]
