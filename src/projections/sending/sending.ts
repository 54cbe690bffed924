import type { Kysely } from 'kysely'
import { deliveriesDue, dueDeliveries } from './deliveries-due.ts'
import { drafts, listDrafts } from './drafts.ts'
import {
  accountsWithDue,
  dueEmails,
  findOutgoing,
  listOutbox,
  foundEmails,
  emailsBeingSent,
  type OutboxDeps,
} from './outbox-queries.ts'
import { outbox } from './outbox.ts'
import { reportsToRead, unreadReports } from './reports-to-read.ts'
import { copiesToFile, sentCopiesToFile } from './sent-copies-to-file.ts'

export const sendingProjections = [drafts, outbox, sentCopiesToFile, deliveriesDue, reportsToRead]

/** What can be asked about drafts and emails, and what remains to be done for them. */
export const sendingQueries = (db: Kysely<unknown>, deps: OutboxDeps) => ({
  readModels: { drafts, outbox, sentCopiesToFile, reportsToRead },
  listDrafts: listDrafts(db),
  listEmails: listOutbox(db, deps),
  findEmail: findOutgoing(db, deps),

  accountsWithDue: accountsWithDue(db),
  dueEmails: dueEmails(db),
  emailsBeingSent: emailsBeingSent(db),
  foundEmails: foundEmails(db),
  dueDeliveries: dueDeliveries(db),
  copiesToFile: copiesToFile(db),
  unreadReports: unreadReports(db),
})

export type SendingQueries = ReturnType<typeof sendingQueries>
