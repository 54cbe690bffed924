import type { App } from './server.ts'

const EXPOSED = [
  'Allow',
  'ETag',
  'Event-Position',
  'Idempotent-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
]
const ACCEPTED = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Mailtrail-User',
  'X-Request-Id',
]

/**
 * Lets pages of these origins use the API from a browser (the CORS protocol of the Fetch standard); `*` is every origin.
 * Without credentials: a key is sent as a header, and never by the browser itself.
 */
export const allowOrigins = (app: App, origins: readonly string[]): void => {
  if (origins.length === 0) return
  app.addHook('onRequest', async ({ method, headers }, reply) => {
    void reply.header('vary', 'Origin')
    const { origin } = headers
    if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return
    void reply.headers({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': EXPOSED.join(', '),
    })
    if (method === 'OPTIONS' && headers['access-control-request-method'] !== undefined)
      void reply.headers({
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': ACCEPTED.join(', '),
        'access-control-max-age': '600',
      })
  })
}
