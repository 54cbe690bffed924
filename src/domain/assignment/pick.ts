import {
  isSameName,
  type AssignmentRule,
  type AssignmentRules,
  type Member,
  type PassedOver,
} from './events.ts'
import { nobodyKnown, standingAt, type Standing, type UserFacts } from './standing.ts'
import { nextOf, turnsAfter, type Turns } from './turns.ts'

/** What is known of a conversation. `belongsTo`: the user to whom a reply belongs. */
export type ConversationFacts = {
  readonly territory: string | null
  readonly product: string | null
  readonly belongsTo: string | null
}

/** How things stand at the moment of the decision. */
export type Situation = {
  readonly rules: AssignmentRules['rules']
  readonly users: ReadonlyMap<string, Standing>
  readonly turns: Turns
}

export type Picked = {
  readonly userId: string
  readonly rule: 'territory' | 'product' | 'round-robin' | 'stays-with'
  readonly detail: string
  readonly passedOver: PassedOver[]
  readonly taken: { userId: string; turns: number }[]
}
export type Left = {
  readonly userId: null
  readonly reason: 'manual' | 'nobody-available'
  readonly detail: string
  readonly passedOver: PassedOver[]
}

/** Who gets a conversation, and why; or why nobody does. */
export const pick = (situation: Situation, facts: ConversationFacts): Picked | Left => {
  const { belongsTo } = facts
  const gone = belongsTo === null ? null : standingOf(situation, belongsTo).gone
  if (belongsTo !== null && gone === null)
    return {
      userId: belongsTo,
      rule: 'stays-with',
      detail: 'A reply to an email that this user sent',
      passedOver: [],
      taken: [],
    }
  const former = belongsTo === null || gone === null ? [] : [{ userId: belongsTo, why: gone }]
  return byRules(situation, narrowedDown(situation.rules, facts), former)
}

/** Whether a conversation of which this is known would be left as it is at that instant, as nobody is available. */
export const isLeftAgain = (
  { rules, keepRepliesHours }: AssignmentRules,
  users: readonly UserFacts[],
  at: string,
  facts: ConversationFacts,
): boolean => {
  const standing = users.map((user) => [user.userId, standingAt(user, at, keepRepliesHours)] as const)
  const found = pick({ rules, users: new Map(standing), turns: {} }, facts)
  return found.userId === null && found.reason === 'nobody-available'
}

const standingOf = ({ users }: Situation, userId: string): Standing => users.get(userId) ?? nobodyKnown

/** The users who may get it, and what narrowed them down, in order: nothing, if it is nobody's in particular. */
type Narrowed = {
  readonly users: readonly string[]
  readonly by: readonly { readonly rule: Picked['rule']; readonly detail: string }[]
  readonly members: readonly Member[]
}

/** A rule that would leave nobody is passed over: what comes first counts more. */
const narrowedDown = (rules: readonly AssignmentRule[], facts: ConversationFacts): Narrowed => {
  let users: readonly string[] = []
  const by: Narrowed['by'][number][] = []
  for (const rule of rules) {
    if (rule.kind === 'manual') break
    const narrowed = usersOf(rule, facts)
    const left = narrowed?.users.filter((userId) => by.length === 0 || users.includes(userId)) ?? []
    if (narrowed && left.length > 0) {
      users = left
      by.push({ rule: rule.kind, detail: narrowed.detail })
    }
    // What stands behind a round robin comes too late.
    if (rule.kind === 'round-robin') return { users, by, members: rule.members }
  }
  return { users, by, members: [] }
}

const usersOf = (
  rule: Exclude<AssignmentRule, { kind: 'manual' }>,
  { territory, product }: ConversationFacts,
): { readonly users: readonly string[]; readonly detail: string } | null => {
  switch (rule.kind) {
    case 'territory': {
      const found = rule.territories.find((each) => isSameName(each.territory, territory ?? ''))
      return found ? { users: found.users, detail: `territory ${found.territory}` } : null
    }
    case 'product': {
      const found = rule.products.find((each) => isSameName(each.product, product ?? ''))
      return found ? { users: found.users, detail: `product ${found.product}` } : null
    }
    case 'round-robin':
      return { users: rule.members.map(({ userId }) => userId), detail: 'round robin' }
  }
}

const byRules = (situation: Situation, narrowed: Narrowed, former: PassedOver[]): Picked | Left => {
  const { users, by, members } = narrowed
  if (by.length === 0)
    return {
      userId: null,
      reason: 'manual',
      detail: 'No rule says to whom it is assigned',
      passedOver: former,
    }
  const candidates = users.map(
    (userId) => members.find((member) => member.userId === userId) ?? { userId, weight: 1, mostOpen: null },
  )
  const looked = candidates.map((member) => ({ member, why: whyNot(situation, member) }))
  const passed = looked.flatMap(({ member: { userId }, why }) => (why === null ? [] : [{ userId, why }]))
  const passedOver = [...former.filter(({ userId }) => !users.includes(userId)), ...passed]
  const present = looked.filter(({ why }) => why === null).map(({ member }) => member)
  const absent = looked.filter(({ why }) => why !== null).map(({ member }) => member)
  const detail = by.map((each) => each.detail).join(', ')
  const taker = nextOf(situation.turns, present)
  if (!taker)
    return { userId: null, reason: 'nobody-available', detail: `Nobody is available: ${detail}`, passedOver }
  return {
    userId: taker.userId,
    rule: deciding(by, candidates.length),
    detail: candidates.length > 1 ? `${detail}: the next of ${candidates.length}` : detail,
    passedOver,
    taken: turnsAfter(situation.turns, taker, absent),
  }
}

/** The rule that settled it: the last one, but for a round robin that had nothing to choose between. */
const deciding = (by: Narrowed['by'], candidates: number): Picked['rule'] => {
  const rules = by.map(({ rule }) => rule)
  return (candidates === 1 ? rules.findLast((rule) => rule !== 'round-robin') : rules.at(-1)) ?? 'round-robin'
}

/** Why a user does not get a conversation now; null: nothing keeps them from it. */
const whyNot = (situation: Situation, { userId, mostOpen }: Member): PassedOver['why'] | null => {
  const { absent, open } = standingOf(situation, userId)
  return absent ?? (mostOpen !== null && open >= mostOpen ? 'at-capacity' : null)
}

/** Everybody whom the rules name. */
export const usersIn = ({ rules }: AssignmentRules): string[] => [
  ...new Set(
    rules.flatMap((rule) => {
      switch (rule.kind) {
        case 'territory':
          return rule.territories.flatMap(({ users }) => users)
        case 'product':
          return rule.products.flatMap(({ users }) => users)
        case 'round-robin':
          return rule.members.map(({ userId }) => userId)
        case 'manual':
          return []
      }
    }),
  ),
]
