import { z } from 'zod'
import { NotFound } from '../../domain/decider.ts'
import type { MailProvider } from '../../commands/ports/mail-provider.ts'
import type { App } from '../server/server.ts'

/**
 * Where mail systems push that a mailbox may have something new. Open to anybody: the provider knows whose word it is, and
 * a hint only has a mailbox looked at. Microsoft first asks whether we are there, by a text that it wants back
 * (https://learn.microsoft.com/graph/change-notifications-delivery-webhooks).
 */
export const hintRoutes = (
  app: App,
  { providers }: { readonly providers: readonly MailProvider[] },
): void => {
  app.post('/v1/hints/:provider', {
    config: { permission: 'public' },
    schema: {
      hide: true,
      body: z.unknown(),
      params: z.object({ provider: z.string() }),
      querystring: z.object({ validationToken: z.string().max(1024).optional() }),
    },
    handler: async (request, reply) => {
      const provider = providers.find(({ name }) => name === request.params.provider)
      if (provider?.takePush === undefined) throw new NotFound('mail system that pushes')
      const { validationToken } = request.query
      if (validationToken !== undefined) return reply.type('text/plain').send(validationToken)
      const { authorization = null } = request.headers
      const isTheirs = await provider.takePush({ authorization, body: request.body })
      if (!isTheirs) throw new NotFound('watch of a mailbox that this belongs to')
      return reply.code(202).send()
    },
  })
}
