import { randomUUID } from 'node:crypto'
import type { ApiKey, ApiKeyStore } from '../../src/commands/ports/api-keys.ts'
import { newApiKey } from '../../src/http/server/api-key-token.ts'

/** A key straight into the table, allowed everything where nothing else is said, for tests of what keys open. */
export const storedKey = async (apiKeys: ApiKeyStore, more: Partial<ApiKey> = {}) => {
  const { id, token, hash } = newApiKey(randomUUID())
  const key = { id, name: 'test', scopes: ['*'], userId: null, expiresAt: null, ...more }
  await apiKeys.insert({ ...key, createdBy: { kind: 'system', id: 'test' } }, hash)
  return { id, token, hash }
}
