import type pg from 'pg'
import type { Meter } from '../adapters/metrics/meter.ts'
import { checkSignature } from '../adapters/mjml/compile.ts'
import { requireReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import { isKnownBot } from '../adapters/tracking/known-bots.ts'
import { networks } from '../adapters/tracking/networks.ts'
import { changeConnection } from '../commands/accounts/change-connection.ts'
import { changeSettings } from '../commands/accounts/change-settings.ts'
import { changeSignature } from '../commands/accounts/change-signature.ts'
import { chooseDefaultAccount } from '../commands/accounts/choose-default-account.ts'
import { connectAccount } from '../commands/accounts/connect-account.ts'
import { disconnectAccount } from '../commands/accounts/disconnect-account.ts'
import { pauseAccount } from '../commands/accounts/pause-account.ts'
import { requestSync } from '../commands/accounts/request-sync.ts'
import { resumeAccount } from '../commands/accounts/resume-account.ts'
import { testAccount, testConnection } from '../commands/accounts/test-account.ts'
import type { Clock } from '../commands/ports/clock.ts'
import { retryQuarantined } from '../commands/sync/retry-quarantined.ts'
import { skipQuarantined } from '../commands/sync/skip-quarantined.ts'
import type { Config } from '../config.ts'
import { analyticsRoutes } from '../http/analytics/analytics.ts'
import type { ApiKeyStore } from '../commands/ports/api-keys.ts'
import { attachmentRoutes } from '../http/sending/attachments.ts'
import { directoryRoutes } from '../http/directory/directory.ts'
import { draftRoutes } from '../http/sending/drafts.ts'
import { emailAccountRoutes } from '../http/accounts/accounts.ts'
import { eventLogRoutes } from '../http/operations/event-log.ts'
import { healthRoutes } from '../http/operations/health.ts'
import { apiKeyRoutes } from '../http/access/api-keys.ts'
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
} from '../projections/accounts/account-list.ts'
import { findMessage, listFolder, listMessages, messagesOf } from '../projections/sync/find-messages.ts'
import { findThread, listThreads, membersOf, threadOf } from '../projections/sync/find-threads.ts'
import { listSyncErrors } from '../projections/sync/sync-errors.ts'
import { findRun, listRuns } from '../projections/sync/sync-history.ts'
import { findSyncStatus } from '../projections/sync/sync-status.ts'
import type { MayRead } from '../projections/projection.ts'
import type { Adapters } from './adapters.ts'
import type { Features } from './features.ts'
import { projections } from './read-models.ts'

type RouteDeps = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly meter: Meter
  readonly apiKeys: ApiKeyStore
  readonly adapters: Adapters
  readonly features: Features
  readonly files: FileSeals
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** The routes of a process: the operator routes in every role, the API only if the role answers requests. */
export const addRoutes = (server: App, deps: RouteDeps): void => {
  addOperatorRoutes(server, deps)
  if (deps.config.role !== 'worker') addApiRoutes(server, deps)
}

const addOperatorRoutes = (server: App, { config, pool, meter, adapters }: RouteDeps): void => {
  const { store, runner } = adapters
  healthRoutes(server, {
    checks: {
      database: () => pool.query('select 1'),
      'event log': () => store.head(),
      'read models': () => requireReadModels(pool, projections),
    },
  })
  metricsRoutes(server, { open: config.metrics === 'open', read: () => meter.read() })
  eventLogRoutes(server, adapters)
  projectionRoutes(server, runner)
}

const addApiRoutes = (server: App, deps: RouteDeps): void => {
  const { config, apiKeys, files, clock, signal } = deps
  const { db, blobs, providers, parser, tracker, tokens, spool } = deps.adapters
  const { directory, accounts, templates, sync, sending, tracking, analytics } = deps.features
  const { mayRead } = accounts
  const readMessage = async (id: string, userId: string | null) =>
    own(mayRead, await findMessage(db, id), userId)
  problemPages(server)
  apiKeyRoutes(server, { apiKeys })
  directoryRoutes(server, directory)
  emailAccountRoutes(server, {
    connectAccount: connectAccount(accounts.deps),
    changeConnection: changeConnection(accounts.deps),
    changeSettings: changeSettings(accounts.deps),
    changeSignature: changeSignature({ ...accounts.deps, check: checkSignature }),
    testAccount: testAccount(accounts.deps),
    pauseAccount: pauseAccount(accounts.deps),
    resumeAccount: resumeAccount(accounts.deps),
    disconnectAccount: disconnectAccount(accounts.deps),
    chooseDefaultAccount: chooseDefaultAccount(accounts.deps),
    testConnection: testConnection(accounts.deps),
    providers,
    titleOf: (connection) => accounts.deps.providerOf(connection).title(connection),
    listAccounts: (after, limit, withDisconnected, userId) =>
      listAccounts(db, after, limit, withDisconnected, userId),
    findAccount: (id, userId) => findAccountRow(db, id, userId),
    figures: async (userId) => ({
      connectedAccounts: await countConnected(db, userId),
      emailsSentToday: (await sending.queries.sentToday(clock())).total,
    }),
    signal,
  })
  syncRoutes(server, {
    requestSync: requestSync(accounts.deps),
    findSyncStatus: async (id, now, userId) =>
      (await mayRead(id, userId)) ? findSyncStatus(db, id, now) : undefined,
    listRuns: (id, before, limit) => listRuns(db, id, before, limit),
    findRun: (id, number) => findRun(db, id, number),
    listSyncErrors: (id, after, limit) => listSyncErrors(db, id, after, limit),
    clock,
  })
  messageRoutes(server, {
    retryQuarantined: retryQuarantined(sync.deps),
    skipQuarantined: skipQuarantined(sync.deps),
    listMessages: async (id, after, limit, userId) =>
      (await mayRead(id, userId)) ? listMessages(db, id, after, limit) : [],
    listFolder: async (id, folder, after, limit, userId) =>
      (await mayRead(id, userId)) ? listFolder(db, id, folder, after, limit) : [],
    messagesOf: (ids) => messagesOf(db, ids),
    findMessage: readMessage,
    listThreads: async (id, after, limit, userId) =>
      (await mayRead(id, userId)) ? listThreads(db, id, after, limit) : [],
    findThread: async (id, userId) => own(mayRead, await findThread(db, id), userId),
    threadOf: (id) => threadOf(db, id),
    membersOf: (thread, after, limit) => membersOf(db, thread, after, limit),
    signal,
  })
  messageContentRoutes(server, { findMessage: readMessage, blobs, parser, tracker, signal })
  templateRoutes(server, templates)
  attachmentRoutes(server, { ...sending, files })
  draftRoutes(server, { ...sending, files })
  outboxRoutes(server, { ...sending, files })
  trackingHitRoutes(server, {
    tokens,
    spool,
    clock,
    isOwn: networks(config.ownNetworks),
    isBot: isKnownBot,
    onLost: (error) => server.log.warn({ err: error }, 'a hit could not be spooled'),
  })
  trackingReportRoutes(server, { ...tracking, clock })
  analyticsRoutes(server, { ...analytics, clock })
}

const own = async <Row extends { readonly account_id: string }>(
  mayRead: MayRead,
  row: Row | undefined,
  userId: string | null,
): Promise<Row | undefined> => (row && (await mayRead(row.account_id, userId)) ? row : undefined)
