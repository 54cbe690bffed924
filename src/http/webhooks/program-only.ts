import type { FastifyRequest } from 'fastify'
import { defineProblem } from '../server/problems.ts'

const programOnly = defineProblem(403, 'program-only', {
  title: 'For programs only',
  meaning:
    'Webhook endpoints receive what happens in all accounts, so they are managed for no user in particular.',
  remedy: 'Use an API key that is bound to no user, and leave out Mailtrail-User.',
})

/** Otherwise a user could have events sent to them that they may not see. @throws HttpProblem 403 */
export const requireProgram = ({ apiKey, actingUser }: FastifyRequest): void => {
  if (apiKey?.userId !== null || actingUser !== null) throw programOnly()
}
