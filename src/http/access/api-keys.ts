import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Secret } from '../../commands/ports/credentials.ts'

/** What a route may ask of a key. `*` in a key stands for all of them. */
export const permissions = [
  'accounts:read',
  'accounts:write',
  'directory:read',
  'directory:write',
  'templates:read',
  'templates:write',
  'messages:read',
  'messages:send',
  'tracking:read',
  'analytics:read',
  'keys:manage',
  'system:read',
  'system:write',
] as const
export type Permission = (typeof permissions)[number]

/** `userId`: the key acts for this user of the CRM alone; null: for whomever the request names. */
export type ApiKey = {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly userId: string | null
  readonly expiresAt: string | null
}

export type ApiKeyStore = {
  /** The key with this id and hash, unless it is revoked or expired. */
  find(id: string, hash: Buffer): Promise<ApiKey | null>
  list(): Promise<(ApiKey & { createdAt: string; lastUsedAt: string | null; revokedAt: string | null })[]>
  insert(key: ApiKey, hash: Buffer): Promise<void>
  /** @returns false where there is no such key */
  revoke(id: string): Promise<boolean>
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const randomText = (length: number): string =>
  Array.from(randomBytes(length), (byte) => ALPHABET[byte & 31]).join('')

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 6)

/**
 * A new key: `mt_<id>_<secret>_<checksum>`, 260 random bits in the secret. The text is shown once; only the
 * SHA-256 of it is kept, which is enough for a secret that nobody can guess.
 */
export const newApiKey = (): { id: string; token: Secret; hash: Buffer } => {
  const id = randomText(12)
  const body = `mt_${id}_${randomText(52)}`
  const token = `${body}_${checksum(body)}`
  return { id, token: new Secret(token), hash: hashOf(token) }
}

/** The id and hash of a presented key; null where it cannot be one, without asking the database. */
export const readApiKey = (token: string): { id: string; hash: Buffer } | null => {
  const match = /^(mt_([0-9a-z]{12})_[0-9a-z]{52})_([0-9a-f]{6})$/.exec(token)
  if (!match) return null
  const [, body, id, sum] = match
  if (!timingSafeEqual(Buffer.from(checksum(body!)), Buffer.from(sum!))) return null
  return { id: id!, hash: hashOf(token) }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** True where the key has the permission, or all of them. */
export const allows = (key: ApiKey, permission: Permission): boolean =>
  key.scopes.includes('*') || key.scopes.includes(permission)
