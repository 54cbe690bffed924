import { assignConversations } from './assign-conversations.ts'
import { changeAvailability, findAvailability } from './change-availability.ts'
import { changeRules, findRules } from './change-rules.ts'
import { handOverConversations } from './hand-over.ts'
import type { AssignmentDeps } from './ports.ts'
import { rehearseRules } from './rehearse-rules.ts'
import { releaseConversations } from './release-conversations.ts'

/** How conversations are assigned. */
export const assignmentCommands = (deps: AssignmentDeps) => ({
  changeRules: changeRules(deps),
  findRules: findRules(deps),
  rehearse: rehearseRules(deps),
  changeAvailability: changeAvailability(deps),
  findAvailability: findAvailability(deps),
  assignConversations: assignConversations(deps),
  releaseConversations: releaseConversations(deps),
  handOver: handOverConversations(deps),
})

export type AssignmentCommands = ReturnType<typeof assignmentCommands>
