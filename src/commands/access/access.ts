import type { Handle, Load } from '../handle.ts'
import type { ApiKeyStore } from '../ports/api-keys.ts'
import type { Clock } from '../ports/clock.ts'
import { createApiKey } from './create-api-key.ts'
import { revokeApiKey } from './revoke-api-key.ts'

export type AccessDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly apiKeys: ApiKeyStore
  readonly clock: Clock
}

/** What can be done with API keys. */
export const accessCommands = (deps: AccessDeps) => ({
  create: createApiKey(deps),
  revoke: revokeApiKey(deps),
})

export type AccessCommands = ReturnType<typeof accessCommands>
