import { randomUUID } from 'node:crypto'
import { authenticate as realAuthenticate } from '../../../src/http/server/authentication.ts'

export const authenticate: typeof realAuthenticate = (keys, clock, limits) => {
  const real = realAuthenticate(keys, clock, limits)
  return async (request, reply) => {
    await real(request, reply)
    if (request.apiKey) request.caller = { ...request.caller, commandId: randomUUID() }
  }
}
