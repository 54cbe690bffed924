import { isbot } from 'isbot'

/** Whether the public list of isbot takes this agent for a program. Its word is kept with the hit, since the list changes. */
export const isKnownBot = (agent: string | null): boolean => agent !== null && isbot(agent)
