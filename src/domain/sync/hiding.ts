import { isSamePattern, type ExcludePattern } from '../accounts/events.ts'
import { excludedBy, type Excludable } from './exclusion.ts'

/** A stored message as patterns that are applied to history look at it. */
export type Hideable = Omit<Excludable, 'ownAddress'> & {
  readonly hiddenBy: ExcludePattern | null
  readonly shownByHand: boolean
}

/** What becomes of the message: the pattern that hides it, and whether it was shown before, or is shown again. */
export type Hiding = { readonly pattern: ExcludePattern | null; readonly change: 'hide' | 'show' | null }

/** What applying these patterns does to a message; null if it stays as it is. */
export const hidingOf = (
  message: Hideable,
  ownAddress: string,
  patterns: readonly ExcludePattern[],
): Hiding | null => {
  const { hiddenBy, shownByHand } = message
  if (shownByHand) return null
  const pattern = excludedBy(patterns, { ...message, ownAddress })
  if (pattern === null) return hiddenBy === null ? null : { pattern, change: 'show' }
  if (hiddenBy === null) return { pattern, change: 'hide' }
  return isSamePattern(pattern, hiddenBy) ? null : { pattern, change: null }
}
