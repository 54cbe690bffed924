import type { Availability } from '../../domain/assignment/events.ts'
import { availabilityStream, userAvailability } from '../../domain/assignment/user-availability.ts'
import { NotFound } from '../../domain/decider.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { userOf, type Caller, type Handled, type Known } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { AssignmentDeps } from './ports.ts'

const notYourAvailability = defineRefusal('not-your-availability', {
  title: "Another user's availability",
  meaning: 'Users see and change when they themselves are available, and nobody else.',
  remedy: 'Act as that user, or use an API key that is bound to no user, without Mailtrail-User.',
})

const requireOneself = async (
  { isUser }: Pick<AssignmentDeps, 'isUser'>,
  userId: string,
  asking: string | null,
): Promise<void> => {
  if (asking !== null && asking !== userId) throw notYourAvailability()
  if (!(await isUser(userId))) throw new NotFound('user', userId)
}

/** Says when a user is there. */
export const changeAvailability =
  (deps: Pick<AssignmentDeps, 'handle' | 'isUser'>) =>
  async (
    caller: Caller,
    userId: string,
    availability: Availability,
    ifRevision: IfRevision | undefined,
  ): Promise<Handled<Availability>> => {
    await requireOneself(deps, userId, userOf(caller))
    const command = { do: 'put', userId, availability } as const
    return deps.handle(userAvailability, availabilityStream(userId), command, caller, { ifRevision })
  }

/** When a user is there, from the stream, so never behind. */
export const findAvailability =
  (deps: Pick<AssignmentDeps, 'load' | 'isUser'>) =>
  async (userId: string, asking: string | null): Promise<Known<Availability>> => {
    await requireOneself(deps, userId, asking)
    return deps.load(userAvailability, availabilityStream(userId))
  }
