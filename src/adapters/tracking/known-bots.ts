import { isbot } from 'isbot'

/**
 * Whether isbot's public list considers this agent a program. The answer is stored with the hit, because the list
 * changes.
 */
export const isKnownBot = (agent: string | null): boolean => agent !== null && isbot(agent)
