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

/** What a list of keys is narrowed down to; what is undefined narrows nothing. */
export type ApiKeyFilter = {
  readonly id?: string | undefined
  readonly userId?: string | undefined
  readonly status?: 'active' | 'expired' | 'revoked' | undefined
  /** Part of the name; capital letters do not count. */
  readonly search?: string | undefined
}
/** Up to `limit` keys in this order, behind the key `after`: the value that the list is ordered by, and the id. */
export type ApiKeyPage = {
  readonly by: 'createdAt' | 'name'
  readonly descending: boolean
  readonly after: readonly [value: string, id: string] | null
  readonly limit: number
}

export type ApiKeyStore = {
  /** The key with this id and hash, unless it is revoked or expired. */
  find(id: string, hash: Buffer): Promise<ApiKey | null>
  list(filter: ApiKeyFilter, page: ApiKeyPage): Promise<ListedApiKey[]>
  hasAny(): Promise<boolean>
  /** @returns false if there is a key with this id already: nothing is changed then */
  insert(key: ApiKey & { readonly createdBy: Actor }, hash: Buffer): Promise<boolean>
  /**
   * Revokes the key if it is there and valid. `check` sees all keys before it, which nobody else revokes meanwhile, and
   * throws to prevent it.
   * @returns the key; null if there is none
   */
  revoke(id: string, by: Actor, check: (keys: readonly ListedApiKey[]) => void): Promise<ApiKey | null>
}
