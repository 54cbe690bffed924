import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Secret } from '../../commands/ports/credentials.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const textOf = (bytes: Buffer): string => Array.from(bytes, (byte) => ALPHABET[byte & 31]).join('')

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 6)

/**
 * A new key: `mt_<id>_<secret>_<checksum>`, with 260 random bits in the secret. The text is shown once; only its
 * SHA-256 is stored, which is enough for an unguessable secret. The id follows from the command that creates the key, so
 * that a repeat is about the same key.
 */
export const newApiKey = (commandId: string): { id: string; token: Secret; hash: Buffer } => {
  const id = textOf(createHash('sha256').update(commandId).digest().subarray(0, 12))
  const body = `mt_${id}_${textOf(randomBytes(52))}`
  const token = `${body}_${checksum(body)}`
  return { id, token: new Secret(token), hash: hashOf(token) }
}

/** The id and hash of a presented key; null if it is malformed, without asking the database. */
export const readApiKey = (token: string): { id: string; hash: Buffer } | null => {
  const match = /^(mt_([0-9a-z]{12})_[0-9a-z]{52})_([0-9a-f]{6})$/.exec(token)
  if (!match) return null
  const [, body, id, sum] = match
  if (!timingSafeEqual(Buffer.from(checksum(body!)), Buffer.from(sum!))) return null
  return { id: id!, hash: hashOf(token) }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()
