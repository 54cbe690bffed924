import type { ClientBase, Pool } from 'pg'
import { KeyringError, type Keyring } from './keyring.ts'

/** The key that seals new secrets, for all processes; it cannot change until the transaction ends. */
export const keyInUse = async (client: ClientBase): Promise<string> => {
  const { rows } = await client.query<{ key_id: string }>('select key_id from mailtrail.keyring for share')
  return rows[0]!.key_id
}

/** Waits for transactions that seal under another one. */
export const putInUse = async (client: ClientBase, keyId: string): Promise<void> => {
  await client.query(
    `insert into mailtrail.keyring (key_id) values ($1)
     on conflict (only_row) do update set key_id = excluded.key_id`,
    [keyId],
  )
}

/** All keys that this database needs: the one in use and those that data keys are sealed under. */
export const neededKeys = async (db: Pool | ClientBase): Promise<string[]> => {
  const { rows } = await db.query<{ key_id: string }>(
    `select key_id from mailtrail.keyring
     union select key_id from mailtrail.credential_keys where key_id is not null order by key_id`,
  )
  return rows.map(({ key_id }) => key_id)
}

/** @throws KeyringError if the ring lacks a key that the database needs */
export const requireKeys = (needed: readonly string[], keyring: Keyring): void => {
  const missing = needed.filter((id) => !keyring.ids.includes(id))
  if (missing.length > 0)
    throw new KeyringError(
      `This database needs ${missing.join(', ')}, which the keyring of this process does not have. Put back the keyring that belongs to this database; all processes on it need the same one`,
    )
}
