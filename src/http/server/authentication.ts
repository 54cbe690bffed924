import type { FastifyReply, FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import { newCommandId, type Caller } from '../../commands/handle.ts'
import type { ApiKey, ApiKeyStore } from '../../commands/ports/api-keys.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import { crmId } from '../../domain/directory/events.ts'
import { readApiKey } from './api-key-token.ts'
import { neighbourhoodOf, perMinute, type Counter } from './limits.ts'
import { allows } from './permissions.ts'
import { defineProblem } from './problems.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The key of the request; null on public routes. */
    apiKey: ApiKey | null
    /** The acting user: the key's own, or the one in `Mailtrail-User`. */
    actingUser: string | null
    /** The caller of commands. */
    caller: Caller
  }
}

const permissionMissing = defineProblem(403, 'permission-missing', {
  title: 'Permission missing',
  meaning:
    'The API key does not have the permission that this operation requires; /docs names it for each operation.',
  remedy: 'Use a key that has the permission, or have one created.',
})

/**
 * Checks the bearer key (RFC 6750) and the route's permission, and determines the acting user. With an Idempotency-Key,
 * the command id is derived from it, so that the log itself recognises a repeat.
 */
export const authenticate = (keys: ApiKeyStore, clock: Clock, limits: Limits) => {
  const requests = perMinute(limits.requestsPerMinute, clock)
  const signIn = signInWith(keys, perMinute(limits.failedSignInsPerMinute, clock))
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const { permission } = request.routeOptions.config
    request.apiKey = null
    request.actingUser = null
    if (permission === undefined || permission === 'public') return
    const key = await signIn(request)
    countRequest(requests, key, reply)
    if (!allows(key, permission))
      throw permissionMissing({
        detail: `The API key does not have the permission ${permission}.`,
        remedy: `Use a key that has ${permission}, or have one created.`,
        headers: challenge(`error="insufficient_scope", scope="${permission}"`),
      })
    identify(request, key, clock)
  }
}

const identify = (request: FastifyRequest, key: ApiKey, clock: Clock): void => {
  request.apiKey = key
  request.actingUser = actingUser(request, key)
  const commandId = commandIdOf(request, key, request.actingUser, clock)
  request.caller = {
    actor:
      request.actingUser === null
        ? { kind: 'api-key', id: key.id }
        : {
            kind: 'user',
            id: request.actingUser,
            via: { apiKey: key.id, bound: key.userId !== null },
          },
    commandId,
    correlationId: request.id,
    causationId: null,
  }
}

const notAuthenticated = defineProblem(401, 'not-authenticated', {
  title: 'Not authenticated',
  meaning: 'The request carries no API key, or its key is wrong, expired or revoked.',
  remedy:
    'Send a valid key as "Authorization: Bearer mt_…". The first key was shown when the service first started.',
})

const tooManyFailures = defineProblem(429, 'too-many-failed-sign-ins', {
  title: 'Too many failed sign-ins',
  meaning:
    'Too many requests with a wrong API key came from this address, or from its neighbours in IPv6, within a minute.',
  remedy: 'Correct the key, and try again after the seconds in Retry-After.',
})
const tooManyRequests = defineProblem(429, 'too-many-requests', {
  title: 'Too many requests',
  meaning: 'The API key has used up the requests of this minute; the header RateLimit counts them.',
  remedy: 'Try again after the seconds in Retry-After.',
})

/** How many a minute: requests with one key, and requests with a wrong key from one address. */
export type Limits = { readonly requestsPerMinute: number; readonly failedSignInsPerMinute: number }

/** Keys that were right before, in this process; so many are remembered. */
const REMEMBERED = 1000

/** What a client must send (RFC 6750 3). */
const challenge = (fault?: string) => ({
  'www-authenticate': `Bearer realm="Mailtrail"${fault === undefined ? '' : `, ${fault}`}`,
})

/**
 * Finds the key of a request. From an address with too many failures no other key is looked up, so that nobody guesses
 * on; but one that was right before is, so that nobody is locked out by a neighbour behind the same address.
 */
const signInWith = (keys: ApiKeyStore, failures: Counter) => {
  const right = new Set<string>()
  const remember = (name: string): void => {
    right.delete(name)
    right.add(name)
    if (right.size > REMEMBERED) right.delete(right.values().next().value ?? '')
  }
  return async ({ headers, ip }: FastifyRequest): Promise<ApiKey> => {
    const bearer = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')
    if (!bearer) throw notAuthenticated({ detail: 'The request carries no API key.', headers: challenge() })
    const read = readApiKey(bearer[1]!)
    const name = read?.hash.toString('base64') ?? ''
    const from = neighbourhoodOf(ip)
    const { remaining, seconds } = failures.left(from)
    if (remaining === 0 && !right.has(name)) throw tooManyFailures({ retryAfterSeconds: seconds })
    const key = read ? await keys.find(read.id, read.hash) : null
    if (key) {
      remember(name)
      return key
    }
    failures.count(from)
    throw notAuthenticated({
      detail: 'The API key is not valid.',
      headers: challenge('error="invalid_token", error_description="The API key is not valid"'),
    })
  }
}

/** Tells each key what it has left of its requests (IETF draft-ietf-httpapi-ratelimit-headers). */
const countRequest = (requests: Counter, key: ApiKey, reply: FastifyReply): void => {
  const { remaining, seconds } = requests.left(key.id)
  requests.count(key.id)
  void reply.headers({
    'ratelimit-policy': `"key";q=${requests.limit};w=60`,
    ratelimit: `"key";r=${Math.max(0, remaining - 1)};t=${seconds}`,
  })
  if (remaining === 0) throw tooManyRequests({ retryAfterSeconds: seconds })
}

const invalidUser = defineProblem(400, 'invalid-user', {
  title: 'Invalid user id',
  meaning: 'Mailtrail-User is not a valid user id.',
  remedy: "Send the CRM's id of the user.",
})
const otherUser = defineProblem(403, 'other-user', {
  title: 'Key bound to another user',
  meaning: 'The API key is bound to one user, and the request names another.',
  remedy: 'Leave Mailtrail-User out, or use a key that is not bound to a user.',
})

const actingUser = (request: FastifyRequest, key: ApiKey): string | null => {
  const named = request.headers['mailtrail-user']
  if (named === undefined) return key.userId
  if (typeof named !== 'string' || !crmId.safeParse(named).success) throw invalidUser()
  if (key.userId !== null && key.userId !== named) throw otherUser()
  return named
}

const invalidIdempotencyKey = defineProblem(400, 'invalid-idempotency-key', {
  title: 'Invalid Idempotency-Key',
  meaning: 'An Idempotency-Key has 1 to 255 characters.',
  remedy: 'Generate a UUID, and send the same one each time you repeat the request.',
})

const commandIdOf = (request: FastifyRequest, key: ApiKey, userId: string | null, clock: Clock): string => {
  const idempotencyKey = request.headers['idempotency-key']
  if (idempotencyKey === undefined) return newCommandId(clock())
  if (typeof idempotencyKey !== 'string' || idempotencyKey.length === 0 || idempotencyKey.length > 255)
    throw invalidIdempotencyKey()
  // A UUIDv8 (RFC 9562 5.8) of the key: the same command has the same id, also after a crash.
  const hash = createHash('sha256')
    .update(`${key.id}\n${userId ?? ''}\n${request.method}\n${request.url}\n${idempotencyKey}`)
    .digest()
  hash[6] = (hash[6]! & 0x0f) | 0x80
  hash[8] = (hash[8]! & 0x3f) | 0x80
  return hash
    .subarray(0, 16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
