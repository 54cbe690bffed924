import type { ClientBase, Pool } from 'pg'
import { transaction } from '../../std/transaction.ts'
import { unwrap, wrap, type WrappedKey } from './data-key.ts'
import { neededKeys, putInUse, requireKeys } from './key-in-use.ts'
import {
  createKeyring,
  KeyringError,
  loadKeyring,
  saveKeyring,
  withNewEncryptionKey,
  withoutOldEncryptionKeys,
  type Keyring,
  type KeyringSource,
} from './keyring.ts'

const BATCH = 100

/**
 * The keyring of a starting process: the existing one, or a new one, saved first, if the database is not used with any
 * yet. The database records its key, so that a process without it does not start; if several start at once on an empty
 * database, one creates the keyring.
 * @throws KeyringError if the database is used with keys that are missing: the process must not start without them
 */
export const openKeyring = (pool: Pool, from: KeyringSource): Promise<Keyring> =>
  exclusively(pool, async (client) => {
    const needed = await neededKeys(client)
    if (needed.length === 0 && !(await loadKeyring(from))) await saveKeyring(from.file, createKeyring())
    const keyring = await requireKeyring(needed, from)
    const { rowCount: noted } = await client.query('select from mailtrail.keyring')
    if (noted === 0) await putInUse(client, keyring.newestId)
    return keyring
  })

/** A keyring in the environment is not ours to change: the operator must set this one. */
type ToBeSet = { readonly status: 'to_be_set'; readonly keyring: Keyring }

/**
 * Puts a new key into use and reseals every data key under it: the newest key of the ring if a rotation to it is
 * unfinished, otherwise a new one. May be interrupted and called again, and runs while services run: they read the file
 * again for a key that they do not have.
 * @throws KeyringError if the ring lacks a key that is needed, before anything is changed
 */
export const rotateKeys = async (
  pool: Pool,
  from: KeyringSource,
  signal: AbortSignal,
): Promise<
  ToBeSet | { readonly status: 'rotated'; readonly keyring: Keyring; readonly rewrapped: number }
> => {
  const begun = await exclusively(pool, async (client) => {
    const needed = await neededKeys(client)
    const present = await requireKeyring(needed, from)
    const isUnderWay = needed.some((id) => id !== present.newestId)
    const keyring = isUnderWay ? present : withNewEncryptionKey(present)
    if (!isUnderWay && from.value) return { status: 'to_be_set', keyring } as const
    // Saved durably before anything is sealed under it.
    if (!isUnderWay) await saveKeyring(from.file, keyring, { replace: true })
    await putInUse(client, keyring.newestId)
    return { status: 'rotated', keyring } as const
  })
  if (begun.status === 'to_be_set') return begun
  return { ...begun, rewrapped: await rewrap(pool, begun.keyring, signal) }
}

/**
 * Removes the keys that nothing is sealed under any more.
 * @throws KeyringError if something still is
 */
export const retireKeys = (
  pool: Pool,
  from: KeyringSource,
): Promise<ToBeSet | { readonly status: 'retired'; readonly keyring: Keyring }> =>
  exclusively(pool, async (client) => {
    const needed = await neededKeys(client)
    const present = await requireKeyring(needed, from)
    const old = needed.filter((id) => id !== present.newestId)
    if (old.length > 0) throw new KeyringError(`${old.join(', ')} is still in use: run rotate-keys first`)
    const keyring = withoutOldEncryptionKeys(present)
    if (from.value) return { status: 'to_be_set', keyring }
    await saveKeyring(from.file, keyring, { replace: true })
    return { status: 'retired', keyring }
  })

/** One process at a time reads, creates or changes the keyring. */
const exclusively = <Result>(pool: Pool, work: (client: ClientBase) => Promise<Result>): Promise<Result> =>
  transaction(pool, 'begin', async (client) => {
    await client.query('select pg_advisory_xact_lock(727003)')
    return work(client)
  })

/** @throws KeyringError if there is none, or it does not belong to the database */
const requireKeyring = async (needed: readonly string[], from: KeyringSource): Promise<Keyring> => {
  const keyring = await loadKeyring(from)
  if (!keyring)
    throw new KeyringError(
      `This database is used with ${needed.join(', ')}, and there is no keyring: neither ${from.file} nor one in the environment. Restore it from your copy; all processes on one database need the same one`,
    )
  requireKeys(needed, keyring)
  return keyring
}

/**
 * Reseals every data key that is under an older key.
 * @returns how many
 */
const rewrap = async (pool: Pool, keyring: Keyring, signal: AbortSignal): Promise<number> => {
  for (let done = 0; ;) {
    signal.throwIfAborted()
    const { rows } = await pool.query<WrappedKey & { account_id: string }>(
      `select account_id, key_id, wrapped_key from mailtrail.credential_keys
       where key_id <> $1 order by account_id limit $2`,
      [keyring.newestId, BATCH],
    )
    if (rows.length === 0) return done
    const anew = await Promise.all(
      rows.map(async (row) => {
        const dataKey = await unwrap(keyring, row.account_id, row)
        return wrap(keyring, keyring.newestId, row.account_id, dataKey)
      }),
    )
    // Only if it is unchanged: a key that was destroyed meanwhile stays destroyed.
    const updated = await pool.query(
      `update mailtrail.credential_keys as k set key_id = $1, wrapped_key = n.wrapped_key
       from unnest($2::text[], $3::bytea[], $4::bytea[]) as n(account_id, was, wrapped_key)
       where k.account_id = n.account_id and k.wrapped_key = n.was`,
      [
        keyring.newestId,
        rows.map(({ account_id }) => account_id),
        rows.map(({ wrapped_key }) => wrapped_key),
        anew.map(({ wrapped_key }) => wrapped_key),
      ],
    )
    done += updated.rowCount ?? 0
  }
}
