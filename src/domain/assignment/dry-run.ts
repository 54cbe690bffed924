import { alwaysAvailable } from './availability.ts'
import type { AssignmentRules, Availability } from './events.ts'
import { pick, type ConversationFacts, type Left, type Picked, type UserFacts } from './pick.ts'
import type { Turns } from './turns.ts'

/** A conversation that came, oldest first. `doneAt`: when it was first no longer open; null if it still is. */
export type PastConversation = ConversationFacts & {
  readonly conversationId: string
  readonly openedAt: string
  readonly doneAt: string | null
}

/** A user as now, and what the user has said about being available: from each instant on, in order. */
export type PastUser = Pick<UserFacts, 'userId' | 'isKnown' | 'mayAnswer'> & {
  readonly said: readonly { readonly at: string; readonly availability: Availability }[]
}

export type Outcome = { readonly conversationId: string } & (Picked | Left)

/**
 * Whom these rules would have chosen. Conversations are looked at as they came; what nobody was available for is tried
 * again, oldest first, whenever another one came, and once at the end. A conversation counts as open from when it is
 * assigned until it was done in truth.
 */
export const rehearse = (
  rules: AssignmentRules,
  conversations: readonly PastConversation[],
  users: readonly PastUser[],
  end: string,
): Outcome[] => {
  const outcomes = new Map<string, Outcome>()
  let turns: Turns = {}
  let held: { readonly userId: string; readonly doneAt: string | null }[] = []
  let waiting: PastConversation[] = []
  const tryAt = (at: string): void => {
    held = held.filter(({ doneAt }) => doneAt === null || doneAt > at)
    waiting = waiting.filter((conversation) => {
      const found = pick({ rules, at, turns, users: usersAt(users, at, held) }, conversation)
      outcomes.set(conversation.conversationId, { conversationId: conversation.conversationId, ...found })
      if (found.userId === null) return found.reason === 'nobody-available'
      held = [...held, { userId: found.userId, doneAt: conversation.doneAt }]
      turns = { ...turns, ...Object.fromEntries(found.taken.map((each) => [each.userId, each.turns])) }
      return false
    })
  }
  for (const conversation of conversations) {
    waiting = [...waiting, conversation]
    tryAt(conversation.openedAt)
  }
  tryAt(end)
  return [...outcomes.values()]
}

const usersAt = (
  users: readonly PastUser[],
  at: string,
  held: readonly { readonly userId: string }[],
): ReadonlyMap<string, UserFacts> => {
  const open = Map.groupBy(held, ({ userId }) => userId)
  return new Map(
    users.map(({ userId, isKnown, mayAnswer, said }) => [
      userId,
      {
        userId,
        isKnown,
        mayAnswer,
        availability: said.findLast((each) => each.at <= at)?.availability ?? alwaysAvailable,
        open: open.get(userId)?.length ?? 0,
      },
    ]),
  )
}
