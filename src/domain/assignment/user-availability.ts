import type { Decider } from '../decider.ts'
import { alwaysAvailable } from './availability.ts'
import { UserAvailabilityChanged, type Availability, type AvailabilityEvent } from './events.ts'

type PutAvailability = { readonly do: 'put'; readonly userId: string; readonly availability: Availability }

export const userAvailability: Decider<Availability, PutAvailability, AvailabilityEvent> = {
  initial: alwaysAvailable,
  evolve: (_state, { data: { away, workingHours } }) => ({ away, workingHours }),
  decide: ({ userId, availability }, state) =>
    JSON.stringify(availability) === JSON.stringify(state)
      ? []
      : [UserAvailabilityChanged({ userId, ...availability })],
}

/** `availability-<userId>` */
export const availabilityStream = (userId: string): string => `availability-${userId}`
