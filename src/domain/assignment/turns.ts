import { ownMember } from '../own-member.ts'

/** How many turns each user has taken under the rules in force. */
export type Turns = { readonly [userId: string]: number }
export type Share = { readonly userId: string; readonly weight: number }

const turnsOf = (turns: Turns, userId: string): number => ownMember(turns, userId) ?? 0

/**
 * Whose turn it is: of whom (turns + ½) / weight is least, as Webster's method has it; the first of several. Whenever one
 * of two users gets a turn, their turns per unit of weight are then within (1/w + 1/v) / 2 of each other: within 1, since
 * weights are 1 or more. The half makes turns alternate evenly, where a whole would have one user take several in a row.
 */
export const nextOf = (turns: Turns, among: readonly Share[]): Share | undefined => {
  const half = (user: Share): number => 2 * turnsOf(turns, user.userId) + 1
  return among.reduce<Share | undefined>(
    (best, user) => (best === undefined || half(user) * best.weight < half(best) * user.weight ? user : best),
    undefined,
  )
}

/**
 * What changes when a user takes a turn: theirs, and that of those who were passed over. Who is not there does not save
 * up turns: on their return they stand where the one who took the turn stood before.
 */
export const turnsAfter = (
  turns: Turns,
  taker: Share,
  passedOver: readonly Share[],
): { userId: string; turns: number }[] => {
  const before = turnsOf(turns, taker.userId)
  const movedUp = passedOver.flatMap(({ userId, weight }) => {
    const level = Math.floor((before * weight) / taker.weight)
    return level > turnsOf(turns, userId) ? [{ userId, turns: level }] : []
  })
  return [{ userId: taker.userId, turns: before + 1 }, ...movedUp]
}
