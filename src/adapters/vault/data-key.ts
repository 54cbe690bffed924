import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { open, seal } from './envelope.ts'
import type { Keyring } from './keyring.ts'

/** A data key as it is stored: sealed, with the name of the key that opens it. */
export type WrappedKey = { readonly key_id: string; readonly wrapped_key: Buffer }

/** What is kept for an account cannot be opened. Neither secrets nor what was read are in it. */
export class CredentialsUnreadable extends Error {
  override readonly name = 'CredentialsUnreadable'

  constructor(accountId: string, reason: string) {
    super(`The credentials of ${accountId} cannot be opened: ${reason}`)
  }
}

/** 256 random bits for AES. */
export const newDataKey = (): KeyObject => createSecretKey(randomBytes(32))

/** Seals a data key for its account under the ring's current key. */
export const wrap = (keyring: Keyring, accountId: string, dataKey: KeyObject): WrappedKey => {
  const bytes = dataKey.export()
  const about = aboutOf(accountId, keyring.currentId)
  const wrapped = seal(keyring.encryptionKey(keyring.currentId)!, bytes, about)
  bytes.fill(0)
  return { key_id: keyring.currentId, wrapped_key: wrapped }
}

/** @throws CredentialsUnreadable */
export const unwrap = (
  keyring: Keyring,
  accountId: string,
  { key_id, wrapped_key }: WrappedKey,
): KeyObject => {
  const key = keyring.encryptionKey(key_id)
  if (!key)
    throw new CredentialsUnreadable(
      accountId,
      `the keyring has no key ${key_id}; put it back into the keyring`,
    )
  const bytes = open(key, wrapped_key, aboutOf(accountId, key_id))
  if (!bytes) throw new CredentialsUnreadable(accountId, 'their key is not what was stored for it')
  const dataKey = createSecretKey(bytes)
  bytes.fill(0)
  return dataKey
}

const aboutOf = (accountId: string, keyId: string) => ['mailtrail data key', accountId, keyId]
