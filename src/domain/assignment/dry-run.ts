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
 * assigned until it was done in truth. It pauses after each, so that others get their turn.
 */
export const rehearse = function* <Conversation extends PastConversation>(
  rules: AssignmentRules,
  conversations: readonly Conversation[],
  users: readonly PastUser[],
  end: string,
): Generator<undefined, Outcome<Conversation>[]> {
  const outcomes = new Map<Conversation, Outcome<Conversation>>()
  let turns: Turns = {}
  let held: { readonly userId: string; readonly doneAt: string | null }[] = []
  // By what is known of them: where nobody is available for the oldest, nobody is for the others.
  const waiting = new Map<string, Conversation[]>()
  const tryAt = (at: string): void => {
    held = held.filter(({ doneAt }) => doneAt === null || doneAt > at)
    const standing = standingOf(rules, users, at, held)
    const groups = new Set([...waiting.values()].filter(({ length }) => length > 0))
    for (let group = oldestOf(groups); group; group = oldestOf(groups)) {
      const conversation = group[0]!
      const found = pick({ rules: rules.rules, turns, users: standing }, conversation)
      if (found.userId === null && found.reason === 'nobody-available') {
        if (at === end) for (const each of group) outcomes.set(each, { conversation: each, found })
        groups.delete(group)
        continue
      }
      outcomes.set(conversation, { conversation, found })
      group.shift()
      if (group.length === 0) groups.delete(group)
      if (found.userId === null) continue
      held.push({ userId: found.userId, doneAt: conversation.doneAt })
      const taker = standing.get(found.userId)
      if (taker) standing.set(found.userId, { ...taker, open: taker.open + 1 })
      turns = withTaken(turns, found)
    }
  }
  for (const conversation of conversations) {
    const { territory, product, belongsTo } = conversation
    const key = JSON.stringify([territory, product, belongsTo])
    const group = waiting.get(key) ?? []
    group.push(conversation)
    waiting.set(key, group)
    tryAt(conversation.openedAt)
    yield
  }
  tryAt(end)
  return conversations.flatMap((conversation) => outcomes.get(conversation) ?? [])
}

const withTaken = (turns: Turns, { taken }: Picked): Turns => ({
  ...turns,
  ...Object.fromEntries(taken.map((each) => [each.userId, each.turns])),
})

/** The group whose first conversation came first. */
const oldestOf = <Conversation extends PastConversation>(groups: ReadonlySet<Conversation[]>) =>
  [...groups].reduce<Conversation[] | undefined>(
    (oldest, group) => (!oldest || group[0]!.openedAt < oldest[0]!.openedAt ? group : oldest),
    undefined,
  )

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
