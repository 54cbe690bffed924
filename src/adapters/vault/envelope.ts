import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto'

const FORMAT = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: format, nonce, tag, ciphertext. `about` identifies what is
 * sealed and is needed to open it, so that sealed data cannot be swapped.
 */
export const seal = (key: KeyObject, plain: Uint8Array, about: readonly (string | number)[]): Buffer => {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(additional(about))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.getAuthTag(), sealed])
}

/** @returns null if these bytes were not sealed under this key for this use, or were changed */
export const open = (
  key: KeyObject,
  sealed: Uint8Array,
  about: readonly (string | number)[],
): Buffer | null => {
  const start = 1 + NONCE_BYTES + TAG_BYTES
  if (sealed.length < start || sealed[0] !== FORMAT) return null
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(additional(about))
  decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, start))
  const plain = decipher.update(sealed.subarray(start))
  try {
    decipher.final()
    return plain
  } catch {
    // The only possible error is a tag that does not match.
    return null
  }
}

/** JSON separates the parts unambiguously, whatever they contain. */
const additional = (about: readonly (string | number)[]): Buffer => Buffer.from(JSON.stringify(about), 'utf8')
