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
 * The keyring of a process that starts: the one that there is, or a new one, saved first, while the database is used
 * with none yet. The database notes its key, so that a process without it does not start; of several that start at
 * once on nothing, one makes the keyring.
 * @throws KeyringError where the database is used with keys that are not there: there is no start without
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

/** A ring of the environment is not ours to change: whoever set it must set this one. */
type ToBeSet = { readonly status: 'to_be_set'; readonly keyring: Keyring }

/**
 * Puts a new key into use and seals every data key under it: the newest key of the ring where that is not in use yet,
 * or is not everywhere; else one made now. May be stopped and called again, and runs beside services: they look into
 * the file for a key that they do not have.
 * @throws KeyringError where a key that is needed is not in the ring, before anything is changed
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
    // On the disk before anything is sealed under it.
    if (!isUnderWay) await saveKeyring(from.file, keyring, { replace: true })
    await putInUse(client, keyring.newestId)
    return { status: 'rotated', keyring } as const
  })
  if (begun.status === 'to_be_set') return begun
  return { ...begun, rewrapped: await rewrap(pool, begun.keyring, signal) }
}

/**
 * Takes the keys out of the ring that nothing is sealed under any more.
 * @throws KeyringError where something still is
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

/** One process at a time looks for the keyring, makes it or changes it. */
const exclusively = <Result>(pool: Pool, work: (client: ClientBase) => Promise<Result>): Promise<Result> =>
  transaction(pool, 'begin', async (client) => {
    await client.query('select pg_advisory_xact_lock(727003)')
    return work(client)
  })

/** @throws KeyringError where there is none, or it is not that of the database */
const requireKeyring = async (needed: readonly string[], from: KeyringSource): Promise<Keyring> => {
  const keyring = await loadKeyring(from)
  if (!keyring)
    throw new KeyringError(
      `This database is used with ${needed.join(', ')}, and there is no keyring: neither ${from.file} nor one in the environment. Put it back from where it was kept; all processes on one database need the same one`,
    )
  requireKeys(needed, keyring)
  return keyring
}

/** Seals every data key that is under an older key anew. @returns how many those were */
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
    // Only where it is still as it was read: a key that was destroyed meanwhile stays destroyed.
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
