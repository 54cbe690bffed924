import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { open, seal } from './envelope.ts'
import type { Keyring } from './keyring.ts'

/** A data key as stored: sealed, with the id of the key that opens it. */
export type WrappedKey = { readonly key_id: string; readonly wrapped_key: Buffer }

/** An account's stored secrets cannot be opened. The message contains neither secrets nor what was read. */
export class CredentialsUnreadable extends Error {
  override readonly name = 'CredentialsUnreadable'

  constructor(accountId: string, reason: string) {
    super(`The credentials of ${accountId} cannot be opened: ${reason}`)
  }
}

/** 256 random bits for AES. */
export const newDataKey = (): KeyObject => createSecretKey(randomBytes(32))

/**
 * Seals a data key for its account under a key of the ring.
 * @throws CredentialsUnreadable
 */
export const wrap = async (
  keyring: Keyring,
  keyId: string,
  accountId: string,
  dataKey: KeyObject,
): Promise<WrappedKey> => {
  const key = await requireKey(keyring, keyId, accountId)
  const bytes = dataKey.export()
  const wrapped = seal(key, bytes, aboutOf(accountId, keyId))
  bytes.fill(0)
  return { key_id: keyId, wrapped_key: wrapped }
}

/** @throws CredentialsUnreadable */
export const unwrap = async (
  keyring: Keyring,
  accountId: string,
  { key_id, wrapped_key }: WrappedKey,
): Promise<KeyObject> => {
  const key = await requireKey(keyring, key_id, accountId)
  const bytes = open(key, wrapped_key, aboutOf(accountId, key_id))
  if (!bytes) throw new CredentialsUnreadable(accountId, 'their key does not match what was stored')
  const dataKey = createSecretKey(bytes)
  bytes.fill(0)
  return dataKey
}

const requireKey = async (keyring: Keyring, keyId: string, accountId: string): Promise<KeyObject> => {
  const key = await keyring.encryptionKey(keyId)
  if (key) return key
  throw new CredentialsUnreadable(accountId, `the keyring has no key ${keyId}; put it back into the keyring`)
}

const aboutOf = (accountId: string, keyId: string) => ['mailtrail data key', accountId, keyId]
