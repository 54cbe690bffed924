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
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
}

export type ApiKeyStore = {
  /** The key with this id and hash, unless it is revoked or expired. */
  find(id: string, hash: Buffer): Promise<ApiKey | null>
  list(): Promise<ListedApiKey[]>
  insert(key: ApiKey, hash: Buffer): Promise<void>
  /** @returns false if there is no such key */
  revoke(id: string): Promise<boolean>
}
