import type { Sentences } from '../event.ts'
import { isUserOfKey } from '../ids.ts'
import type { ApiKeyEvent } from './events.ts'

export const accessSentences: Sentences<ApiKeyEvent> = {
  ApiKeyCreated: ({ name, scopes, userId }) =>
    `The API key “${name}” was created, with ${scopes.includes('*') ? 'every permission' : scopes.join(', ')}` +
    (userId === null
      ? ''
      : isUserOfKey(userId)
        ? ', limited to some accounts'
        : `, bound to the user ${userId}`),
  ApiKeyRevoked: ({ name }) => `The API key “${name}” was revoked`,
}
