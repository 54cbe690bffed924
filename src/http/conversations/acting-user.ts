import type { FastifyRequest } from 'fastify'
import { defineProblem } from '../server/problems.ts'

const actingUserRequired = defineProblem(422, 'acting-user-required', {
  title: 'Acting user required',
  meaning: 'What users have read and are doing is kept for each of them, and the request acts for none.',
  remedy: 'Name the user in the header `Mailtrail-User`, or use an API key of theirs.',
})

/** The user for whom the request acts. @throws HttpProblem 422 */
export const requireActingUser = ({ actingUser }: Pick<FastifyRequest, 'actingUser'>): string => {
  if (actingUser === null) throw actingUserRequired()
  return actingUser
}
