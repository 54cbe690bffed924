import { z } from 'zod'

/**
 * How much of an account's mail users see who may not use it. `metadata`: who, when, which way, folders and counts.
 * `subject`: the subject too. `everything`: all of it, for reading only. Each level has what the one before it has.
 */
export const visibility = z.enum(['nothing', 'metadata', 'subject', 'everything'])
export type Visibility = z.infer<typeof visibility>

/** What the organisation says: the level of accounts that choose none, and the least that any has. */
export type VisibilityPolicy = {
  readonly visibilityDefault: Visibility
  readonly visibilityFloor: Visibility
}

export const nothingVisible: VisibilityPolicy = { visibilityDefault: 'nothing', visibilityFloor: 'nothing' }

/** The level of an account whose owner chose this one; null: chose none. */
export const visibilityUnder = (
  { visibilityDefault, visibilityFloor }: VisibilityPolicy,
  chosen: Visibility | null,
): Visibility => {
  const level = chosen ?? visibilityDefault
  return shows(level, visibilityFloor) ? level : visibilityFloor
}

/** Whether the level shows what it takes at least `needed` to see. */
export const shows = (level: Visibility, needed: Visibility): boolean =>
  visibility.options.indexOf(level) >= visibility.options.indexOf(needed)
