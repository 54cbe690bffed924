import type pg from 'pg'
import type { Meter } from '../adapters/metrics/meter.ts'
import { checkSignature } from '../adapters/mjml/compile.ts'
import { requireReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import { isKnownBot } from '../adapters/tracking/known-bots.ts'
import { networks } from '../adapters/tracking/networks.ts'
import { changeServers } from '../commands/accounts/change-servers.ts'
import { changeSettings } from '../commands/accounts/change-settings.ts'
import { changeSignature } from '../commands/accounts/change-signature.ts'
import { chooseDefaultAccount } from '../commands/accounts/choose-default-account.ts'
import { connectAccount } from '../commands/accounts/connect-account.ts'
import { disconnectAccount } from '../commands/accounts/disconnect-account.ts'
import { pauseAccount } from '../commands/accounts/pause-account.ts'
import { requestSync } from '../commands/accounts/request-sync.ts'
import { resumeAccount } from '../commands/accounts/resume-account.ts'
import { testAccount } from '../commands/accounts/test-account.ts'
import { putEntry } from '../commands/directory/put-entry.ts'
import { removeEntry } from '../commands/directory/remove-entry.ts'
import type { Clock } from '../commands/ports/clock.ts'
import { cancelEmail } from '../commands/sending/cancel-email.ts'
import { discardDraft } from '../commands/sending/discard-draft.ts'
import { ownEmail } from '../commands/sending/own-email.ts'
import { previewDraft } from '../commands/sending/preview-draft.ts'
import { queueEmail } from '../commands/sending/queue-email.ts'
import { changeDraft, saveDraft } from '../commands/sending/save-draft.ts'
import { settleEmail } from '../commands/sending/settle-email.ts'
import { retryQuarantined } from '../commands/sync/retry-quarantined.ts'
import { skipQuarantined } from '../commands/sync/skip-quarantined.ts'
import type { Config } from '../config.ts'
import { analyticsRoutes } from '../http/analytics/analytics.ts'
import type { ApiKeyStore } from '../http/access/api-keys.ts'
import { attachmentRoutes } from '../http/sending/attachments.ts'
import { directoryRoutes } from '../http/directory/directory.ts'
import { draftRoutes } from '../http/sending/drafts.ts'
import { emailAccountRoutes } from '../http/accounts/accounts.ts'
import { eventLogRoutes } from '../http/operations/event-log.ts'
import { healthRoutes } from '../http/operations/health.ts'
import { keyRoutes } from '../http/access/keys.ts'
import { messageContentRoutes } from '../http/sync/message-content.ts'
import { messageRoutes } from '../http/sync/messages.ts'
import { metricsRoutes } from '../http/operations/metrics.ts'
import { outboxRoutes } from '../http/sending/outbox.ts'
import { problemPages } from '../http/server/problem-pages.ts'
import { projectionRoutes } from '../http/operations/projections.ts'
import type { FileSeals } from '../http/sending/sealed-files.ts'
import type { App } from '../http/server/server.ts'
import { syncRoutes } from '../http/sync/sync.ts'
import { templateRoutes } from '../http/templates/templates.ts'
import { trackingHitRoutes, trackingReportRoutes } from '../http/tracking/tracking.ts'
import {
  countConnected,
  findAccount as findAccountRow,
  listAccounts,
  usableAccounts,
} from '../projections/accounts/account-list.ts'
import { engagementReport, lastDays } from '../projections/analytics/engagement-report.ts'
import { listEntries } from '../projections/directory/directory.ts'
import { listDrafts } from '../projections/sending/drafts.ts'
import { findOutgoing, listOutbox } from '../projections/sending/outbox-queries.ts'
import { sentToday } from '../projections/sending/send-counters.ts'
import { findMessage, listFolder, listMessages, messagesOf } from '../projections/sync/find-messages.ts'
import { findThread, listThreads, membersOf, threadOf } from '../projections/sync/find-threads.ts'
import { listSyncErrors } from '../projections/sync/sync-errors.ts'
import { findRun, listRuns } from '../projections/sync/sync-history.ts'
import { findSyncStatus } from '../projections/sync/sync-status.ts'
import { emailTracking } from '../projections/tracking/email-timeline-queries.ts'
import { readAccess } from './access.ts'
import type { Adapters } from './adapters.ts'
import type { Needs } from './needs.ts'
import { projections } from './read-models.ts'

type Parts = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly apiKeys: ApiKeyStore
  readonly adapters: Adapters
  readonly needs: Needs
  readonly files: FileSeals
  readonly clock: Clock
  readonly signal: AbortSignal
}

type OperatorParts = Pick<Parts, 'config' | 'pool' | 'adapters'> & { readonly meter: Meter }

/** What operators ask of any process, whatever its role. */
export const addOperatorRoutes = (
  server: App,
  { config, pool, meter, adapters: { store, times, runner } }: OperatorParts,
): void => {
  healthRoutes(server, {
    checks: {
      database: () => pool.query('select 1'),
      'event log': () => store.head(),
      'read models': () => requireReadModels(pool, projections),
    },
  })
  metricsRoutes(server, { open: config.metrics === 'open', read: () => meter.read() })
  eventLogRoutes(server, {
    storeId: () => store.storeId(),
    positionAt: (instant) => times.positionAt(instant),
  })
  projectionRoutes(server, {
    listProjections: () => runner.status(),
    listParked: (name, after, limit) => runner.parked(name, after, limit),
    retryParked: (name, stream) => runner.retry(name, stream),
    skipParked: (name, stream, skip) => runner.skip(name, stream, skip),
  })
}

/** The API: every route but those of `addOperatorRoutes`. */
export const addRoutes = (server: App, parts: Parts): void => {
  const { config, apiKeys, files, clock, signal } = parts
  const { db, blobs, tester, parser, tokens, spool } = parts.adapters
  const { needs, syncNeeds, writeNeeds, templates } = parts.needs
  const { handle, load } = needs
  const { mayRead, own } = readAccess(needs.findAccount)
  const readMessage = async (id: string, userId: string | null) => own(await findMessage(db, id), userId)
  problemPages(server)
  keyRoutes(server, { apiKeys })
  directoryRoutes(server, {
    putEntry: putEntry(needs),
    removeEntry: removeEntry(needs),
    listEntries: (kind, after, limit) => listEntries(db, kind, after, limit),
    load,
  })
  emailAccountRoutes(server, {
    connectAccount: connectAccount(needs),
    changeServers: changeServers(needs),
    changeSettings: changeSettings(needs),
    changeSignature: changeSignature({ handle, check: checkSignature }),
    testAccount: testAccount(needs),
    pauseAccount: pauseAccount(needs),
    resumeAccount: resumeAccount(needs),
    disconnectAccount: disconnectAccount(needs),
    chooseDefaultAccount: chooseDefaultAccount(needs),
    tester,
    listAccounts: (after, limit, withDisconnected, userId) =>
      listAccounts(db, after, limit, withDisconnected, userId),
    findAccount: (id, userId) => findAccountRow(db, id, userId),
    figures: async (userId) => ({
      connectedAccounts: await countConnected(db, userId),
      emailsSentToday: (await sentToday(db, clock())).total,
    }),
    signal,
  })
  syncRoutes(server, {
    requestSync: requestSync(needs),
    findSyncStatus: async (id, now, userId) =>
      (await mayRead(id, userId)) ? findSyncStatus(db, id, now) : undefined,
    listRuns: (id, before, limit) => listRuns(db, id, before, limit),
    findRun: (id, number) => findRun(db, id, number),
    listSyncErrors: (id, after, limit) => listSyncErrors(db, id, after, limit),
    clock,
  })
  messageRoutes(server, {
    retryQuarantined: retryQuarantined(syncNeeds),
    skipQuarantined: skipQuarantined(syncNeeds),
    listMessages: async (id, after, limit, userId) =>
      (await mayRead(id, userId)) ? listMessages(db, id, after, limit) : [],
    listFolder: async (id, folder, after, limit, userId) =>
      (await mayRead(id, userId)) ? listFolder(db, id, folder, after, limit) : [],
    messagesOf: (ids) => messagesOf(db, ids),
    findMessage: readMessage,
    listThreads: async (id, after, limit, userId) =>
      (await mayRead(id, userId)) ? listThreads(db, id, after, limit) : [],
    findThread: async (id, userId) => own(await findThread(db, id), userId),
    threadOf: (id) => threadOf(db, id),
    membersOf: (thread, after, limit) => membersOf(db, thread, after, limit),
    signal,
  })
  messageContentRoutes(server, { findMessage: readMessage, blobs, parser, signal })
  templateRoutes(server, templates)
  attachmentRoutes(server, { blobs, files })
  draftRoutes(server, {
    saveDraft: saveDraft(writeNeeds),
    changeDraft: changeDraft(writeNeeds),
    discardDraft: discardDraft(needs),
    previewDraft: previewDraft(writeNeeds),
    listDrafts: (filter, after, limit) => listDrafts(db, filter, after, limit),
    load,
    files,
  })
  outboxRoutes(server, {
    queueEmail: queueEmail(writeNeeds),
    cancelEmail: cancelEmail(needs),
    settleEmail: settleEmail(needs),
    listOutbox: async ({ userId, ...filter }, after, limit) => {
      const accounts = userId === null ? undefined : await usableAccounts(db, userId)
      return listOutbox(db, { ...filter, accounts }, after, limit)
    },
    findOutgoing: async (id, userId) => own(await findOutgoing(db, id), userId),
    blobs,
    ownEmail: ownEmail(needs),
    files,
  })
  trackingHitRoutes(server, {
    tokens,
    spool,
    clock,
    isOwn: networks(config.ownNetworks),
    isBot: isKnownBot,
    onLost: (error) => server.log.warn({ err: error }, 'a hit could not be spooled'),
  })
  trackingReportRoutes(server, {
    emailTracking: async (id, userId) => {
      const found = await emailTracking(db, id, { now: clock() })
      return found && (await mayRead(found.accountId, userId)) ? found : null
    },
    clock,
  })
  analyticsRoutes(server, {
    engagementReport: (options) => engagementReport(db, options),
    lastDays: (days, now) => lastDays(db, days, now),
    clock,
  })
}
