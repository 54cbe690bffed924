import { apiKey, apiKeyStream } from '../../domain/access/api-key.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { ApiKey, ApiKeyStore } from '../ports/api-keys.ts'

type CreateDeps = { readonly handle: Handle; readonly load: Load; readonly apiKeys: ApiKeyStore }

/**
 * Creates an API key. It is recorded before it can be used: a crash in between leaves a record of a key that nobody
 * has, and a repeat of the command completes it.
 * @returns whether the key can be used with this hash; false if it was created, or revoked, before
 */
export const createApiKey =
  ({ handle, load, apiKeys }: CreateDeps) =>
  async (caller: Caller, key: ApiKey, hash: Buffer): Promise<boolean> => {
    const { id: keyId, name, userId } = key
    const expiresAt = key.expiresAt === null ? null : new Date(key.expiresAt).toISOString()
    const facts = { keyId, name, scopes: [...key.scopes], userId, expiresAt }
    const stream = apiKeyStream(keyId)
    const { repeated } = await handle(apiKey, stream, { do: 'create', key: facts }, caller)
    if (repeated && (await load(apiKey, stream)).state.status === 'revoked') return false
    return apiKeys.insert({ ...key, createdBy: caller.actor }, hash)
  }
