import type { FastifyReply, FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { App } from './server.ts'

/** The id of a request: the one that it came with, or a new one. No id is anybody's address. */
export const requestIdOf = ({
  headers,
}: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}): string => {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{8,128}$/.test(given) ? given : randomUUID()
}

/** Headers that every answer has, or every page of a list. */
export const addAnswerHeaders = (app: App): void => {
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id))
  app.addHook('preSerialization', linkNextPage)
  app.addHook('onSend', async (request, reply) => {
    if (reply.hasHeader('cache-control')) return
    const isDescription = request.routeOptions.url?.startsWith('/docs') === true && reply.statusCode < 400
    void reply.header('cache-control', isDescription ? 'public, max-age=300' : 'no-store')
  })
}

/** `Link` with the next page (RFC 8288), relative to the URL of this one. */
const linkNextPage = async (
  { url }: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> => {
  const { nextCursor } = (payload ?? {}) as { nextCursor?: unknown }
  if (typeof nextCursor === 'string') {
    const [path = '', query] = url.split('?', 2)
    const parameters = new URLSearchParams(query)
    parameters.set('cursor', nextCursor)
    void reply.header('link', `<${path}?${parameters.toString()}>; rel="next"`)
  }
  return payload
}
