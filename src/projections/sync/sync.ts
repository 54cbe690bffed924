import type { Kysely } from 'kysely'
import type { Stems } from '../../domain/search/terms.ts'
import type { VisibilityDeps } from '../projection.ts'
import { countReceived } from './count-received.ts'
import { backfills, findBackfill } from './backfills.ts'
import { copiesToTrash, listCopiesToTrash } from './copies-to-trash.ts'
import { listDeleted, listHidden } from './absent-messages.ts'
import { findMessage, listMessages, messagesOf, placesOf, readMessage } from './find-messages.ts'
import {
  findThread,
  listThreads,
  membersOf,
  sentInThread,
  threadOf,
  threadsOf,
  threadWithMembers,
} from './find-threads.ts'
import { similarThreads } from './similar-threads.ts'
import { messages } from './messages.ts'
import { deletedAmong, knownAmong, knownPage, placements } from './placements.ts'
import { listSyncErrors, syncErrors } from './sync-errors.ts'
import { hideableMessage, hideableMessages } from './hideable-messages.ts'
import { countToFetch, findPatternRun, leftOut, patternRuns, patternsToApply } from './pattern-runs.ts'
import { searchMessages } from './search-messages.ts'
import { findRun, listRuns, syncHistory } from './sync-history.ts'
import { dueAccounts, lastRunOf, stillWatchable, syncSchedule, watchableAccounts } from './sync-schedule.ts'
import { figuresToday, findSyncFigures, syncStatus } from './sync-status.ts'
import { bytesOfNobody, deletedWithBytes, storedContent, textsOfNobody } from './stored-content.ts'
import { threads } from './threads.ts'

export const syncProjections = [
  messages,
  threads,
  placements,
  syncSchedule,
  syncStatus,
  syncHistory,
  syncErrors,
  backfills,
  copiesToTrash,
  storedContent,
  patternRuns,
]

type SyncQueryDeps = Pick<VisibilityDeps, 'visibilityOf' | 'mayRead' | 'sendOnlyAccounts'> & {
  /** How words that are asked for are stemmed. */
  readonly stems: Stems
}

/** What can be asked about messages and sync runs, and which accounts are to be read. */
export const syncQueries = (db: Kysely<unknown>, deps: SyncQueryDeps) => ({
  readModels: {
    messages,
    threads,
    placements,
    syncSchedule,
    syncStatus,
    syncHistory,
    syncErrors,
    backfills,
    copiesToTrash,
    storedContent,
    patternRuns,
  },
  listMessages: listMessages(db, deps),
  findMessage: findMessage(db, deps),
  readMessage: readMessage(db),
  countReceived: countReceived(db),
  messagesOf: messagesOf(db, deps),
  listDeleted: listDeleted(db),
  listHidden: listHidden(db),
  hideableMessages: hideableMessages(db),
  hideableMessage: hideableMessage(db),
  countToFetch: countToFetch(db),
  leftOut: leftOut(db),
  patternsToApply: patternsToApply(db),
  findPatternRun: findPatternRun(db),
  copiesToTrash: listCopiesToTrash(db),
  deletedWithBytes: deletedWithBytes(db),
  bytesOfNobody: bytesOfNobody(db),
  textsOfNobody: textsOfNobody(db),
  placesOf: placesOf(db),
  searchMessages: searchMessages(db, deps),
  listThreads: listThreads(db, deps),
  findThread: findThread(db, deps),
  threadOf: threadOf(db),
  threadsOf: threadsOf(db),
  membersOf: membersOf(db),
  sentInThread: sentInThread(db),
  threadWithMembers: threadWithMembers(db),
  similarThreads: similarThreads(db, deps),

  findFigures: findSyncFigures(db),
  figuresToday: figuresToday(db),
  listRuns: listRuns(db),
  findRun: findRun(db),
  listErrors: listSyncErrors(db),
  findBackfill: findBackfill(db),

  dueAccounts: dueAccounts(db),
  watchable: watchableAccounts(db),
  stillWatchable: stillWatchable(db),
  lastRun: lastRunOf(db),
  deletedAmong: deletedAmong(db),
  knownAmong: knownAmong(db),
  knownPage: knownPage(db),
})

export type SyncQueries = ReturnType<typeof syncQueries>
