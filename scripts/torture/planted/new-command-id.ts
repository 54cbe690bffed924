import { randomUUID } from 'node:crypto'
import { authenticate as realAuthenticate } from '../../../src/http/server/authentication.ts'

export const authenticate: typeof realAuthenticate = (keys, clock) => {
  const real = realAuthenticate(keys, clock)
  return async (request) => {
    await real(request)
    if (request.apiKey) request.caller = { ...request.caller, commandId: randomUUID() }
  }
}
