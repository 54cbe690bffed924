import type { Actor } from '../../domain/event.ts'

/** `userId`: the key acts for this user only; null: for any user that the request names. */
export type ApiKey = {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly userId: string | null
  readonly expiresAt: string | null
}

export type ListedApiKey = ApiKey & {
  readonly createdAt: string
  readonly createdBy: Actor | null
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
  readonly revokedBy: Actor | null
}

export type ApiKeyStore = {
  /** The key with this id and hash, unless it is revoked or expired. */
  find(id: string, hash: Buffer): Promise<ApiKey | null>
  list(): Promise<ListedApiKey[]>
  /** @returns false if there is a key with this id already: nothing is changed then */
  insert(key: ApiKey & { readonly createdBy: Actor }, hash: Buffer): Promise<boolean>
  /**
   * Revokes the key if it is there and valid. `check` sees all keys before it, which nobody else revokes meanwhile, and
   * throws to prevent it.
   * @returns the key; null if there is none
   */
  revoke(id: string, by: Actor, check: (keys: readonly ListedApiKey[]) => void): Promise<ApiKey | null>
}
