import type { ClientBase, Pool } from 'pg'
import { unwrap, wrap, type WrappedKey } from './data-key.ts'
import { createKeyring, KeyringError, loadKeyring, saveKeyring, type Keyring } from './keyring.ts'
import { transaction } from '../../std/transaction.ts'

const LOCK = 727_003

/** True while any account has passwords in the vault: a new keyring would lose them. */
export const hasCredentials = async (pool: Pool): Promise<boolean> => (await sealingKeys(pool)).length > 0

/** @throws KeyringError where passwords are kept under a key that the ring does not have, or the others use one */
export const requireKeys = async (db: Pool | ClientBase, keyring: Keyring): Promise<void> => {
  const missing = (await keysInUse(db)).filter((id) => !keyring.ids.includes(id))
  if (missing.length > 0)
    throw new KeyringError(
      `This database is used with ${missing.join(', ')}, which the keyring of this process does not have. Put back the keyring that belongs to this database; all processes on it need the same one`,
    )
}

/**
 * The keyring of a process that starts: the one that there is, or a new one, saved first, while the database is used
 * with none yet. Its current key is noted in the database, so that another process without it does not start; of
 * several that start at once on nothing, one makes the keyring.
 * @throws KeyringError where the database is used with keys that are not there: there is no start without
 */
export const openKeyring = (
  pool: Pool,
  from: Parameters<typeof loadKeyring>[0],
): Promise<{ readonly keyring: Keyring; readonly made: boolean }> =>
  transaction(pool, 'begin', async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK])
    const found = await loadKeyring(from)
    const keyring = found ?? (await newKeyring(client, from.file))
    await requireKeys(client, keyring)
    await client.query(
      `insert into mailtrail.keyring (key_id) values ($1)
       on conflict (only_row) do update set key_id = excluded.key_id`,
      [keyring.currentId],
    )
    return { keyring, made: found === null }
  })

const newKeyring = async (client: ClientBase, file: string): Promise<Keyring> => {
  const used = await keysInUse(client)
  if (used.length > 0)
    throw new KeyringError(
      `This database is used with ${used.join(', ')}, and there is no keyring: neither ${file} nor one in the environment. Put it back from where it was kept; all processes on one database need the same one`,
    )
  const keyring = createKeyring()
  await saveKeyring(file, keyring)
  return keyring
}

/**
 * Wraps every data key that is under an older key under the current one. May be stopped and run again, and run
 * beside services that have the new ring.
 * @returns how many were wrapped anew
 * @throws KeyringError where an older key that is still needed is not in the ring, before anything is changed
 */
export const rewrap = async (pool: Pool, keyring: Keyring, { batch = 100 } = {}): Promise<number> => {
  await requireKeys(pool, keyring)
  let done = 0
  for (;;) {
    const { rows } = await pool.query<WrappedKey & { account_id: string }>(
      `select account_id, key_id, wrapped_key from mailtrail.credential_keys
       where key_id <> $1 order by account_id limit $2`,
      [keyring.currentId, batch],
    )
    if (rows.length === 0) return done
    const anew = rows.map((row) => wrap(keyring, row.account_id, unwrap(keyring, row.account_id, row)))
    // Only where it is still as it was read: a key that was destroyed meanwhile stays destroyed.
    const updated = await pool.query(
      `update mailtrail.credential_keys as k set key_id = $1, wrapped_key = n.wrapped_key
       from unnest($2::text[], $3::bytea[], $4::bytea[]) as n(account_id, was, wrapped_key)
       where k.account_id = n.account_id and k.wrapped_key = n.was`,
      [
        keyring.currentId,
        rows.map(({ account_id }) => account_id),
        rows.map(({ wrapped_key }) => wrapped_key),
        anew.map(({ wrapped_key }) => wrapped_key),
      ],
    )
    done += updated.rowCount ?? 0
  }
}

/** Under which passwords are sealed. */
const sealingKeys = async (db: Pool | ClientBase): Promise<string[]> => {
  const { rows } = await db.query<{ key_id: string }>(
    'select distinct key_id from mailtrail.credential_keys where key_id is not null order by key_id',
  )
  return rows.map(({ key_id }) => key_id)
}

/** Those, and the one that the processes on this database have last started with. */
const keysInUse = async (db: Pool | ClientBase): Promise<string[]> => {
  const { rows } = await db.query<{ key_id: string }>('select key_id from mailtrail.keyring')
  return [...new Set([...(await sealingKeys(db)), ...rows.map(({ key_id }) => key_id)])]
}
