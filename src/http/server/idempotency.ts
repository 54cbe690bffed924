import { createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IdempotencyStore, KeptAnswer } from '../../commands/ports/idempotency.ts'
import { defineProblem } from './problems.ts'
import type { App } from './server.ts'

declare module 'fastify' {
  interface FastifyRequest {
    idempotency: string | null
  }
}

const keptHeaders = ['content-type', 'etag', 'event-position', 'location'] as const

const keyInUse = defineProblem(409, 'idempotency-key-in-use', {
  title: 'Request in progress',
  meaning: 'A request with this Idempotency-Key is still in progress.',
  remedy: 'Wait, then send it again to get its answer.',
})
const keyReused = defineProblem(422, 'idempotency-key-reused', {
  title: 'Idempotency-Key reused',
  meaning: 'This Idempotency-Key was used for a different request.',
  remedy: 'Use a new key for each new request.',
})

/**
 * `Idempotency-Key` on every changing operation (IETF draft-ietf-httpapi-idempotency-key-header): a repeat gets the
 * same answer, marked as such. Answers to internal errors and conflicts are not stored, so that the request can be
 * retried: the command id is derived from the key, and the log knows what it has.
 */
export const useIdempotency = (app: App, store: IdempotencyStore, fingerprintKey: Buffer): void => {
  app.decorateRequest('idempotency', null)
  app.addHook('preHandler', async (request, reply) => {
    const header = request.headers['idempotency-key']
    if (request.routeOptions.config.streamsBody) return
    if (['GET', 'HEAD'].includes(request.method) || request.apiKey === null || typeof header !== 'string')
      return
    const key = `${request.apiKey.id}:${header}`
    const taken = await store.take(key, fingerprintOf(request, fingerprintKey))
    switch (taken.kind) {
      case 'taken':
        request.idempotency = key
        return
      case 'answered':
        return repeat(reply, taken.answer)
      case 'running':
        throw keyInUse({ retryAfterSeconds: 1 })
      case 'other':
        throw keyReused()
    }
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const key = request.idempotency
    if (key === null) return
    request.idempotency = null
    const tryAgain = reply.statusCode >= 500 || reply.statusCode === 409
    if (tryAgain || typeof payload !== 'string') return store.letGo(key)
    const body = withoutSecret(payload, request.routeOptions.config.answersOnce)
    await store.keep(key, { status: reply.statusCode, headers: headersOf(reply), body })
  })
}

/** As it is kept: a secret is null, and so in no repeat. */
const withoutSecret = (payload: string, field: string | undefined): string =>
  field === undefined
    ? payload
    : JSON.stringify({ ...(JSON.parse(payload) as Record<string, unknown>), [field]: null })

const repeat = (reply: FastifyReply, answer: KeptAnswer): FastifyReply =>
  reply
    .status(answer.status)
    .headers({ ...answer.headers, 'idempotent-replayed': 'true' })
    .serializer((body: string) => body)
    .send(answer.body)

const headersOf = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(
    keptHeaders.flatMap((name) => {
      const value = reply.getHeader(name)
      return value === undefined ? [] : [[name, String(value)]]
    }),
  )

// Keyed, because a body may contain a password and the fingerprint is stored.
const fingerprintOf = (request: FastifyRequest, key: Buffer): Buffer => {
  const hash = createHmac('sha256', key).update(
    `${request.method}\n${request.url}\n${request.actingUser ?? ''}\n${request.headers['if-match'] ?? ''}\n${request.headers['if-none-match'] ?? ''}\n`,
  )
  const body: unknown = request.body
  if (Buffer.isBuffer(body)) hash.update(body)
  else hash.update(JSON.stringify(body ?? null))
  return hash.digest()
}
