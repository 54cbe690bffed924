import type { Kysely } from 'kysely'
import { assignmentFacts } from './assignment-facts.ts'
import { accountOfConversation, listDecisions, pastConversations } from './find-decisions.ts'
import { heldBy, holders } from './find-holders.ts'
import { accountsToAssign, workToAssign } from './find-work.ts'

export const assignmentProjections = [assignmentFacts]

/** What can be asked about whose conversations are. */
export const assignmentQueries = (db: Kysely<unknown>) => ({
  readModels: { assignmentFacts },
  accountsToAssign: accountsToAssign(db),
  workToAssign: workToAssign(db),
  holders: holders(db),
  heldBy: heldBy(db),
  accountOfConversation: accountOfConversation(db),
  listDecisions: listDecisions(db),
  pastConversations: pastConversations(db),
})

export type AssignmentQueries = ReturnType<typeof assignmentQueries>
