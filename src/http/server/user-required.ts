import type { FastifyRequest } from 'fastify'
import { defineProblem } from './problems.ts'

const userRequired = defineProblem(422, 'user-required', {
  title: 'User required',
  meaning: 'What was asked for belongs to a user, but the request is not made on behalf of one.',
  remedy: 'Name the user in Mailtrail-User, or use an API key that is bound to one.',
})

/** The user on whose behalf a request is made. @throws HttpProblem 422 */
export const requiredUser = (
  { actingUser }: Pick<FastifyRequest, 'actingUser'>,
  instead?: { readonly detail: string; readonly remedy: string },
): string => {
  if (actingUser === null) throw userRequired(instead)
  return actingUser
}
