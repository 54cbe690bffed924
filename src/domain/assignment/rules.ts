import type { Decider } from '../decider.ts'
import { AssignmentRulesChanged, type AssignmentRules, type RulesEvent } from './events.ts'

/** Of an account for which nobody has put any: nothing is assigned. */
export const noRules: AssignmentRules = { rules: [], keepRepliesHours: 24 }

type PutRules = { readonly do: 'put'; readonly accountId: string; readonly rules: AssignmentRules }

/** They have a stream of their own, so that their version stays the same while conversations are assigned. */
export const accountRules: Decider<AssignmentRules, PutRules, RulesEvent> = {
  initial: noRules,
  evolve: (_state, { data: { rules, keepRepliesHours } }) => ({ rules, keepRepliesHours }),
  decide: ({ accountId, rules }, state) =>
    // Both sides come from one schema, so their keys are in the same order.
    JSON.stringify(rules) === JSON.stringify(state) ? [] : [AssignmentRulesChanged({ accountId, ...rules })],
}

/** `assignmentrules-<accountId>` */
export const rulesStream = (accountId: string): string => `assignmentrules-${accountId}`
