import type { Availability } from '../../domain/assignment/events.ts'
import { availabilityStream, userAvailability } from '../../domain/assignment/user-availability.ts'
import { NotFound } from '../../domain/decider.ts'
import { userOf, type Caller, type Handled, type Known } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { AssignmentDeps } from './ports.ts'

/** Users say it of themselves; to others it does not exist. A program may for anybody. @throws NotFound */
const requireOneself = async (
  { isUser }: Pick<AssignmentDeps, 'isUser'>,
  userId: string,
  asking: string | null,
): Promise<void> => {
  const isOther = asking !== null && asking !== userId
  if (isOther || !(await isUser(userId))) throw new NotFound('availability of user', userId)
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
