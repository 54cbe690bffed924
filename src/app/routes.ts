import type pg from 'pg'
import type { Meter } from '../adapters/metrics/meter.ts'
import { eventFeed } from '../commands/feed/feed.ts'
import { requireReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import { isKnownBot } from '../adapters/tracking/known-bots.ts'
import { networks } from '../adapters/tracking/networks.ts'
import type { Clock } from '../commands/ports/clock.ts'
import type { Config } from '../config.ts'
import { availabilityRoutes } from '../http/assignment/availability.ts'
import { assignmentHistoryRoutes } from '../http/assignment/history.ts'
import { assignmentRuleRoutes } from '../http/assignment/rules.ts'
import { analyticsRoutes } from '../http/analytics/analytics.ts'
import { auditRoutes } from '../http/audit/audit.ts'
import type { ApiKeyStore } from '../commands/ports/api-keys.ts'
import { attachmentRoutes } from '../http/sending/attachments.ts'
import { conversationChangeRoutes } from '../http/conversations/conversation-changes.ts'
import { conversationNoteRoutes } from '../http/conversations/conversation-notes.ts'
import { presenceRoutes } from '../http/conversations/presence.ts'
import { conversationRoutes } from '../http/conversations/conversations.ts'
import { directoryRoutes } from '../http/directory/directory.ts'
import { importRoutes } from '../http/directory/import.ts'
import { feedRoutes } from '../http/feed/feed.ts'
import { draftRoutes } from '../http/sending/drafts.ts'
import { accessRoutes } from '../http/accounts/access.ts'
import { accountFormRoutes } from '../http/accounts/account-forms.ts'
import { oauthRoutes } from '../http/accounts/oauth.ts'
import { signInRoutes } from '../http/accounts/sign-ins.ts'
import { emailAccountRoutes } from '../http/accounts/accounts.ts'
import { eventLogRoutes } from '../http/operations/event-log.ts'
import { healthRoutes } from '../http/operations/health.ts'
import { apiKeyRoutes } from '../http/access/api-keys.ts'
import { absentMessageRoutes } from '../http/sync/absent-messages.ts'
import { excludePatternRoutes } from '../http/sync/exclude-patterns.ts'
import { backfillRoutes } from '../http/sync/backfill.ts'
import { threadRoutes } from '../http/sync/threads.ts'
import { providerRoutes } from '../http/accounts/providers.ts'
import { messageContentRoutes } from '../http/sync/message-content.ts'
import { messageRoutes } from '../http/sync/messages.ts'
import { metricsRoutes } from '../http/operations/metrics.ts'
import { linkRoutes } from '../http/linking/links.ts'
import { linkPreviewRoutes } from '../http/linking/previews.ts'
import { suggestionRoutes } from '../http/linking/suggestions.ts'
import { notificationSettingsRoutes } from '../http/notifications/notification-settings.ts'
import { notificationRoutes } from '../http/notifications/notifications.ts'
import { outboxRoutes } from '../http/sending/outbox.ts'
import { perMinute } from '../http/server/limits.ts'
import { problemPages } from '../http/server/problem-pages.ts'
import { projectionRoutes } from '../http/operations/projections.ts'
import type { FileSeals } from '../http/sending/sealed-files.ts'
import type { App } from '../http/server/server.ts'
import { hintRoutes } from '../http/sync/hints.ts'
import { searchRoutes } from '../http/sync/search.ts'
import { syncRoutes } from '../http/sync/sync.ts'
import { templateRoutes } from '../http/templates/templates.ts'
import { timelineEntryRoutes } from '../http/timeline/timeline-entries.ts'
import { timelineRoutes } from '../http/timeline/timeline.ts'
import { webhookDeliveryRoutes } from '../http/webhooks/deliveries.ts'
import { webhookEndpointRoutes } from '../http/webhooks/endpoints.ts'
import { trackingHitRoutes, trackingReportRoutes } from '../http/tracking/tracking.ts'
import type { Adapters } from './adapters.ts'
import type { Features } from './features.ts'
import { projections } from './read-models.ts'

type RouteDeps = {
  readonly config: Config
  /** Where people reach the service. */
  readonly url: string
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
  const { config, url, apiKeys, files, clock, signal } = deps
  const { blobs, providers, discover, parser, untrack, tokens, spool, store } = deps.adapters
  const {
    access,
    directory,
    accounts,
    templates,
    sync,
    sending,
    tracking,
    analytics,
    audit,
    linking,
    timeline,
    webhooks,
    notifications,
    conversations,
    assignment,
  } = deps.features
  const { accountList } = accounts.queries.readModels
  problemPages(server)
  apiKeyRoutes(server, { ...access, apiKeys, accounts })
  directoryRoutes(server, { ...directory, requireSender: accounts.requireSender })
  importRoutes(server, { commands: directory.commands, idleMs: config.requestTimeoutMs })
  emailAccountRoutes(server, {
    ...accounts,
    providers,
    sync: sync.queries,
    clock,
    signal,
  })
  accountFormRoutes(server, accounts)
  accessRoutes(server, { ...accounts, handOverWork: assignment.commands.handOver })
  providerRoutes(server, { providers, discover, signal })
  signInRoutes(server, { ...accounts, providers, url, signal })
  oauthRoutes(server, { ...accounts, url, signal })
  syncRoutes(server, { ...sync, accounts, clock })
  hintRoutes(server, { providers })
  backfillRoutes(server, sync)
  threadRoutes(server, sync)
  messageRoutes(server, { ...sync, accountList, signal })
  searchRoutes(server, {
    ...sync,
    accountList,
    visibleAccounts: accounts.visibleAccounts,
    sendOnlyAccounts: accounts.sendOnlyAccounts,
    linking: linking.queries,
  })
  messageContentRoutes(server, { ...sync, accountList, blobs, parser, untrack, signal })
  absentMessageRoutes(server, { ...sync, mayRead: accounts.mayRead })
  excludePatternRoutes(server, { ...sync, accounts: accounts.queries })
  templateRoutes(server, templates)
  const uploads = perMinute(config.limits.uploadMbPerMinute * 2 ** 20, clock)
  attachmentRoutes(server, { ...sending, files, uploads })
  draftRoutes(server, { ...sending, files })
  outboxRoutes(server, {
    ...sending,
    accountList,
    files,
    recipients: [directory.queries.readModels.directory],
  })
  trackingHitRoutes(server, {
    tokens,
    spool,
    clock,
    isOwn: networks(config.ownNetworks),
    isBot: isKnownBot,
    onLost: (error) => server.log.warn({ err: error }, 'a hit could not be spooled'),
  })
  trackingReportRoutes(server, { ...tracking, accountList, clock })
  linkRoutes(server, { ...linking, sync: sync.queries, accountList })
  timelineRoutes(server, {
    ...timeline,
    sync: sync.queries,
    accountList,
    isPosition: (text) => store.isPosition(text),
  })
  timelineEntryRoutes(server, timeline)
  suggestionRoutes(server, { ...linking, readableAccounts: accounts.readableAccounts })
  linkPreviewRoutes(server, { ...linking, mayRead: accounts.mayRead })
  analyticsRoutes(server, { ...analytics, accountList, clock })
  auditRoutes(server, {
    ...audit,
    threads: sync.queries.readModels.threads,
    isPosition: (text) => store.isPosition(text),
  })
  notificationRoutes(server, notifications)
  notificationSettingsRoutes(server, notifications)
  conversationRoutes(server, {
    ...conversations,
    readableAccounts: accounts.readableAccounts,
    mayRead: accounts.mayRead,
    accountList,
  })
  conversationChangeRoutes(server, conversations)
  conversationNoteRoutes(server, { ...conversations, mayRead: accounts.mayRead })
  presenceRoutes(server, conversations)
  assignmentRuleRoutes(server, assignment)
  availabilityRoutes(server, assignment)
  assignmentHistoryRoutes(server, assignment)
  addFeed(server, deps)
  webhookEndpointRoutes(server, { ...webhooks, isPosition: (text) => store.isPosition(text) })
  webhookDeliveryRoutes(server, { ...webhooks, deliveries: deps.adapters.webhooks.deliveries })
}

/** How long the feed waits at once for the event index, before it looks whether it is to stop. */
const INDEX_WAIT_MS = 5_000

const addFeed = (server: App, { adapters, features, clock, signal }: RouteDeps): void => {
  const { store, runner, presence } = adapters
  const { readModels, factsOf } = features.audit.queries
  const feed = eventFeed(
    {
      store,
      factsOf,
      isIndexed: (position) => runner.waitFor(readModels.eventIndex.name, position, INDEX_WAIT_MS),
      onPresence: presence.onTold,
      rightsOf: features.accounts.find,
      onFault: (error) => server.log.warn({ err: error }, 'the feed got over a fault'),
    },
    signal,
  )
  server.addHook('onClose', feed.ended)
  feedRoutes(server, { feed, isPosition: (text) => store.isPosition(text), clock })
}
