import type { Pool } from 'pg'
import { unwrap, wrap, type WrappedKey } from './data-key.ts'
import { createKeyring, KeyringError, loadKeyring, saveKeyring, type Keyring } from './keyring.ts'

/** True while any account has passwords in the vault: a new keyring would lose them. */
export const hasCredentials = async (pool: Pool): Promise<boolean> => (await keysInUse(pool)).length > 0

/** @throws KeyringError where passwords are kept under a key that the ring does not have */
export const requireKeys = async (pool: Pool, keyring: Keyring): Promise<void> => {
  const missing = (await keysInUse(pool)).filter((id) => !keyring.ids.includes(id))
  if (missing.length > 0)
    throw new KeyringError(
      `Stored passwords are sealed under ${missing.join(', ')}, which the keyring does not have. Put back the keyring that belongs to this database`,
    )
}

/**
 * The keyring of a service that starts: the one that there is, or a new one, saved first, while nothing is sealed yet.
 * @throws KeyringError where passwords are stored and their keys are not there: there is no start without
 */
export const openKeyring = async (
  pool: Pool,
  from: Parameters<typeof loadKeyring>[0],
): Promise<{ readonly keyring: Keyring; readonly made: boolean }> => {
  const found = await loadKeyring(from)
  if (found) {
    await requireKeys(pool, found)
    return { keyring: found, made: false }
  }
  const used = await keysInUse(pool)
  if (used.length > 0)
    throw new KeyringError(
      `Stored passwords are sealed under ${used.join(', ')}, and there is no keyring: neither ${from.file} nor one in the environment. Put it back from where it was kept`,
    )
  const keyring = createKeyring()
  await saveKeyring(from.file, keyring)
  return { keyring, made: true }
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

const keysInUse = async (pool: Pool): Promise<string[]> => {
  const { rows } = await pool.query<{ key_id: string }>(
    'select distinct key_id from mailtrail.credential_keys where key_id is not null order by key_id',
  )
  return rows.map(({ key_id }) => key_id)
}
