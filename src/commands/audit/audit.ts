import { belongingTo, type BelongingDeps } from './belonging-to.ts'
import { readEvents } from './read-events.ts'
import { replayEvents, type ReplayDeps } from './replay-events.ts'

export type AuditDeps = BelongingDeps & ReplayDeps

/** Reading the log for people. Nothing is decided here. */
export const auditCommands = (deps: AuditDeps) => ({
  belongingTo: belongingTo(deps),
  read: readEvents(deps),
  replay: replayEvents(deps),
})

export type AuditCommands = ReturnType<typeof auditCommands>
