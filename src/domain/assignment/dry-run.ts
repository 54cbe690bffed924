import { alwaysAvailable } from './availability.ts'
import type { AssignmentRules, Availability } from './events.ts'
import { pick, type ConversationFacts, type Left, type Picked } from './pick.ts'
import { standingAt, type Standing, type UserFacts } from './standing.ts'
import type { Turns } from './turns.ts'

/** A conversation that came, oldest first. `doneAt`: when it was first no longer open; null if it still is. */
export type PastConversation = ConversationFacts & {
  readonly conversationId: string
  readonly openedAt: string
  readonly doneAt: string | null
}

/** A user as now, and what the user has said about being available: from each instant on, in order. */
export type PastUser = Pick<UserFacts, 'userId' | 'isKnown' | 'level'> & {
  readonly said: readonly { readonly at: string; readonly availability: Availability }[]
}

export type Outcome<Conversation> = {
  readonly conversation: Conversation
  readonly found: Picked | Left
}

/**
 * Whom these rules would have chosen. Conversations are looked at as they came; what nobody was available for is tried
 * again, oldest first, whenever another one came, and once at the end. A conversation counts as open from when it is
 * assigned until it was done in truth.
 */
export const rehearse = <Conversation extends PastConversation>(
  rules: AssignmentRules,
  conversations: readonly Conversation[],
  users: readonly PastUser[],
  end: string,
): Outcome<Conversation>[] => {
  const outcomes = new Map<string, Outcome<Conversation>>()
  let turns: Turns = {}
  let held: { readonly userId: string; readonly doneAt: string | null }[] = []
  let waiting: Conversation[] = []
  const tryAt = (at: string): void => {
    held = held.filter(({ doneAt }) => doneAt === null || doneAt > at)
    const standing = standingOf(rules, users, at, held)
    waiting = waiting.filter((conversation) => {
      const found = pick({ rules: rules.rules, turns, users: standing }, conversation)
      outcomes.set(conversation.conversationId, { conversation, found })
      if (found.userId === null) return found.reason === 'nobody-available'
      held.push({ userId: found.userId, doneAt: conversation.doneAt })
      const taker = standing.get(found.userId)
      if (taker) standing.set(found.userId, { ...taker, open: taker.open + 1 })
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

const standingOf = (
  { keepRepliesHours }: AssignmentRules,
  users: readonly PastUser[],
  at: string,
  held: readonly { readonly userId: string }[],
): Map<string, Standing> => {
  const open = Map.groupBy(held, ({ userId }) => userId)
  return new Map(
    users.map(({ said, ...user }) => {
      const availability = said.findLast((each) => each.at <= at)?.availability ?? alwaysAvailable
      const facts = { ...user, availability, open: open.get(user.userId)?.length ?? 0 }
      return [user.userId, standingAt(facts, at, keepRepliesHours)]
    }),
  )
}
