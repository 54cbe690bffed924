import type { FastifyReply, FastifyRequest } from 'fastify'
import { fileAnswer } from '../server/downloads.ts'
import { problems, type App } from '../server/server.ts'

/** Reports each answer: the route's pattern, never the URL, which may contain a tracking token. */
export const tellAnswers = (
  app: App,
  tell: (answered: { method: string; route: string; status: number; ms: number }) => void,
): void => {
  app.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) =>
    tell({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      ms: reply.elapsedTime,
    }),
  )
}

/**
 * The metrics of this process, for Prometheus. `open` lets anybody read them, for a scraper in a private network
 * without a key; they name no person, account or address.
 */
export const metricsRoutes = (app: App, deps: { open: boolean; read: () => Promise<string> }): void => {
  app.get('/metrics', {
    config: { permission: deps.open ? 'public' : 'system:read' },
    schema: {
      tags: ['Health'],
      summary: 'Get the metrics of this process in the Prometheus text format',
      response: { ...fileAnswer('text/plain', 'Metrics'), ...problems },
    },
    handler: async (_request, reply) =>
      reply
        .type('text/plain; version=0.0.4; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(await deps.read()),
  })
}
