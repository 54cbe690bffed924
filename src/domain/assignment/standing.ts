import type { AccessLevel } from '../accounts/events.ts'
import { isAway, isAwayLonger, isWorking } from './availability.ts'
import type { Availability, PassedOver } from './events.ts'

/**
 * What is known of a user of an account. `isKnown`: the directory has the user. `level`: what they may do with the
 * account. `open`: how many of its conversations they have open.
 */
export type UserFacts = {
  readonly userId: string
  readonly isKnown: boolean
  readonly level: AccessLevel | null
  readonly availability: Availability
  readonly open: number
}

/**
 * Why a user gets no conversation at an instant, other than for having too many: `absent`. Why what is theirs does not
 * even stay with them: `gone`.
 */
export type Standing = {
  readonly absent: PassedOver['why'] | null
  readonly gone: 'left' | 'no-access' | 'away' | null
  readonly open: number
}

/** How a user stands at an instant. Replies wait `keepRepliesHours` for a user who is away. */
export const standingAt = (
  { isKnown, level, availability, open }: UserFacts,
  at: string,
  keepRepliesHours: number,
): Standing => {
  if (!isKnown) return nobodyKnown
  const isOff = availability.workingHours !== null && !isWorking(availability.workingHours, at)
  const off = isOff ? 'outside-hours' : null
  return {
    // Who may only send sees no mail but the answers to their own.
    absent: level !== 'full' ? 'no-access' : isAway(availability, at) ? 'away' : off,
    gone: goneAt(level, availability, at, keepRepliesHours),
    open,
  }
}

const goneAt = (
  level: AccessLevel | null,
  availability: Availability,
  at: string,
  keepRepliesHours: number,
): Standing['gone'] => {
  if (level !== 'full' && level !== 'send') return 'no-access'
  return isAwayLonger(availability, at, keepRepliesHours) ? 'away' : null
}

/** Of whom the directory knows nothing, or no longer. */
export const nobodyKnown: Standing = { absent: 'left', gone: 'left', open: 0 }
