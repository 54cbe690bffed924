import type { Kysely } from 'kysely'
import { eventIndex } from './event-index.ts'
import { findEvents, messagesOfEmails } from './find-events.ts'
import { factsOfEvents } from './seen-by.ts'

export const auditProjections = [eventIndex]

/** What can be asked about the event log: where its events are. */
export const auditQueries = (db: Kysely<unknown>) => ({
  readModels: { eventIndex },
  findEvents: findEvents(db),
  messagesOfEmails: messagesOfEmails(db),
  factsOf: factsOfEvents(db),
})

export type AuditQueries = ReturnType<typeof auditQueries>
