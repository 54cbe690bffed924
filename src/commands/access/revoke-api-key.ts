import { apiKey, apiKeyStream } from '../../domain/access/api-key.ts'
import { requireAnotherManager } from '../../domain/access/last-key.ts'
import type { Caller, Handle } from '../handle.ts'
import type { ApiKeyStore } from '../ports/api-keys.ts'
import type { Clock } from '../ports/clock.ts'

type RevokeDeps = { readonly handle: Handle; readonly apiKeys: ApiKeyStore; readonly clock: Clock }

/**
 * Revokes an API key. It is useless before that is recorded: after a crash in between nobody can use it, and a repeat of
 * the command records it. `force`: even if it is the last one that can manage keys.
 * @throws NotFound, Refused
 */
export const revokeApiKey =
  ({ handle, apiKeys, clock }: RevokeDeps) =>
  async (caller: Caller, keyId: string, { force }: { readonly force: boolean }): Promise<void> => {
    const stored = await apiKeys.revoke(keyId, caller.actor, (keys) => {
      if (!force) requireAnotherManager(keys, keyId, clock())
    })
    const name = stored?.name ?? null
    await handle(apiKey, apiKeyStream(keyId), { do: 'revoke', keyId, name }, caller)
  }
