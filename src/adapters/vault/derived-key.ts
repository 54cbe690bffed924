import { createHmac, hkdfSync } from 'node:crypto'
import type { Keyring } from './keyring.ts'

/** A key for one purpose, from the oldest key of the ring, which is kept for good. */
export const derivedKey = (keyring: Keyring, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', keyring.trackingKeys()[0]!.key, '', purpose, 32))

/** Names for texts that must show nowhere: equal for equal texts, and nobody without the key can try which it is. */
export const fingerprints =
  (key: Uint8Array) =>
  (text: string): string =>
    createHmac('sha256', key).update(text).digest('hex').slice(0, 40)
