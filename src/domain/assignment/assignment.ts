import type { Decider } from '../decider.ts'
import {
  ConversationLeftUnassigned,
  ConversationPicked,
  type AssignmentRules,
  type PickEvent,
} from './events.ts'
import { pick, type ConversationFacts } from './pick.ts'
import { standingAt, type UserFacts } from './standing.ts'
import type { Turns } from './turns.ts'

// ---------------------------------------------------------------- state

/** Where the round robin of an account stands. New rules begin it anew. */
export type Assignment = { readonly rulesRevision: number; readonly turns: Turns }

// ---------------------------------------------------------------- commands

/** `left`: as what it was left unassigned under these rules, as nobody was available; null if it was not. */
export type ToAssign = ConversationFacts & {
  readonly conversationId: string
  readonly left: ConversationFacts | null
}

/** Oldest first. `at` is the instant of the decision, `factsAt` the position as of which everything else is known. */
export type AssignmentCommand = {
  readonly do: 'assign'
  readonly accountId: string
  readonly rules: AssignmentRules
  readonly rulesRevision: number
  readonly conversations: readonly ToAssign[]
  readonly users: readonly UserFacts[]
  readonly at: string
  readonly factsAt: string
}

// ---------------------------------------------------------------- evolve

const evolve = (state: Assignment, event: PickEvent): Assignment => {
  if (event.type === 'ConversationLeftUnassigned') return state
  const { rulesRevision, taken } = event.data
  const before = rulesRevision === state.rulesRevision ? state.turns : {}
  const changed = Object.fromEntries(taken.map(({ userId, turns }) => [userId, turns]))
  return { rulesRevision, turns: { ...before, ...changed } }
}

// ---------------------------------------------------------------- decide

/** Each as if those before it had been assigned already. */
const decide = (command: AssignmentCommand, state: Assignment): PickEvent[] => {
  const { accountId, rules, rulesRevision, at, factsAt } = command
  const users = new Map(
    command.users.map((user) => [user.userId, standingAt(user, at, rules.keepRepliesHours)]),
  )
  let reached = state
  return command.conversations.flatMap(({ left, ...conversation }): PickEvent[] => {
    const turns = reached.rulesRevision === rulesRevision ? reached.turns : {}
    const found = pick({ rules: rules.rules, users, turns }, conversation)
    const of = { accountId, ...conversation, rulesRevision, factsAt, decidedAt: at }
    if (found.userId === null) {
      const { userId: _, ...why } = found
      const isTold = why.reason === 'nobody-available' && left !== null && isSame(left, conversation)
      return isTold ? [] : [ConversationLeftUnassigned({ ...of, ...why })]
    }
    const picked = ConversationPicked({ ...of, ...found })
    const taker = users.get(found.userId)
    if (taker) users.set(found.userId, { ...taker, open: taker.open + 1 })
    reached = evolve(reached, picked)
    return [picked]
  })
}

const isSame = (one: ConversationFacts, other: ConversationFacts): boolean =>
  one.territory === other.territory && one.product === other.product && one.belongsTo === other.belongsTo

export const assignment: Decider<Assignment, AssignmentCommand, PickEvent> = {
  initial: { rulesRevision: -1, turns: {} },
  evolve,
  decide,
}

/** `assignment-<accountId>` */
export const assignmentStream = (accountId: string): string => `assignment-${accountId}`
