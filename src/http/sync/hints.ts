import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { defineProblem } from '../server/problems.ts'
import type { App } from '../server/server.ts'

const pushNotAccepted = defineProblem(401, 'push-not-accepted', {
  title: 'Push not accepted',
  meaning: 'The request does not come from the mail system whose push it claims to be.',
  remedy:
    'Let the push subscription sign its requests, with the service account and the audience that the operator has set.',
})

/** Where mail systems push that a mailbox may have something new. It is only a hint: a forged one would cost a look. */
export const hintRoutes = (
  app: App,
  { commands }: { readonly commands: Pick<SyncCommands, 'takePush'> },
): void => {
  app.post('/v1/hints/gmail', {
    config: { permission: 'public' },
    schema: { hide: true, body: z.unknown() },
    handler: async ({ headers, body }, reply) => {
      const { authorization = null } = headers
      if (!(await commands.takePush('gmail', { authorization, body }))) throw pushNotAccepted()
      return reply.status(204).send()
    },
  })
}
