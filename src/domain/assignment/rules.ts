import type { Decider } from '../decider.ts'
import { AssignmentRulesChanged, noRules, type AssignmentRules, type RulesEvent } from './events.ts'

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
