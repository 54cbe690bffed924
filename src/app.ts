import { hkdfSync, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { connectionTester } from './adapters/imap-smtp/connection-test.ts'
import { egressGuard } from './adapters/imap-smtp/egress-guard.ts'
import { imapConnector } from './adapters/imap-smtp/imap.ts'
import { mailProblemHelp } from './adapters/imap-smtp/problems.ts'
import { smtpSender } from './adapters/imap-smtp/smtp.ts'
import { composeMail } from './adapters/mime/compose.ts'
import { mailParser } from './adapters/mime/parse-pool.ts'
import { checkSignature, templateCompiler } from './adapters/mjml/compile.ts'
import { postgresApiKeys } from './adapters/postgres/api-keys.ts'
import { postgresBlobStore } from './adapters/postgres/blob-store.ts'
import { postgresEventStore } from './adapters/postgres/event-store.ts'
import { postgresIdempotency } from './adapters/postgres/idempotency.ts'
import { postgresLeases } from './adapters/postgres/leases.ts'
import { migrate } from './adapters/postgres/migrate.ts'
import { prepareReadModels } from './adapters/postgres/prepare-read-models.ts'
import { projectionRunner } from './adapters/postgres/projection-runner.ts'
import { isKnownBot } from './adapters/tracking/known-bots.ts'
import { mailTracker } from './adapters/tracking/mail-tracker.ts'
import { networks } from './adapters/tracking/networks.ts'
import { openSpool } from './adapters/tracking/spool.ts'
import { trackingTokens } from './adapters/tracking/token.ts'
import { openKeyring } from './adapters/vault/rotation.ts'
import { postgresVault } from './adapters/vault/vault.ts'
import { changeServers } from './commands/accounts/change-servers.ts'
import { changeSettings } from './commands/accounts/change-settings.ts'
import { changeSignature } from './commands/accounts/change-signature.ts'
import { chooseDefaultAccount } from './commands/accounts/choose-default-account.ts'
import { connectAccount } from './commands/accounts/connect-account.ts'
import { disconnectAccount } from './commands/accounts/disconnect-account.ts'
import { pauseAccount } from './commands/accounts/pause-account.ts'
import { requestSync } from './commands/accounts/request-sync.ts'
import { resumeAccount } from './commands/accounts/resume-account.ts'
import { loginsOf, testAccount } from './commands/accounts/test-account.ts'
import { putEntry } from './commands/directory/put-entry.ts'
import { removeEntry } from './commands/directory/remove-entry.ts'
import { handler, loader, systemCaller, type Load } from './commands/handle.ts'
import { Secret, type Clock, type MailboxSession, type MailToCompose } from './commands/ports.ts'
import {
  confirmDeliveries,
  confirmFoundMessages,
  fileCopies,
  readReports,
  recoverDeadSends,
  SEND_LANES,
  sendDue,
} from './commands/sending/automations.ts'
import { cancelMessage } from './commands/sending/cancel-message.ts'
import { confirmDelivery } from './commands/sending/confirm-delivery.ts'
import { confirmFound } from './commands/sending/confirm-found.ts'
import { discardDraft } from './commands/sending/discard-draft.ts'
import { fileSentCopy, giveUpOnCopy } from './commands/sending/file-sent-copy.ts'
import { previewDraft } from './commands/sending/preview-draft.ts'
import { queueMessage } from './commands/sending/queue-message.ts'
import { readReport } from './commands/sending/read-report.ts'
import { recoverReleasing } from './commands/sending/recover-releasing.ts'
import { changeDraft, saveDraft } from './commands/sending/save-draft.ts'
import { sendMessage } from './commands/sending/send-message.ts'
import { settleMessage } from './commands/sending/settle-message.ts'
import { retryQuarantined } from './commands/sync/retry-quarantined.ts'
import { runSyncPass } from './commands/sync/run-sync-pass.ts'
import { skipQuarantined } from './commands/sync/skip-quarantined.ts'
import { SYNC_LANES, syncDueAccounts } from './commands/sync/sync-due-accounts.ts'
import { changeTemplate } from './commands/templates/change-template.ts'
import { createTemplate } from './commands/templates/create-template.ts'
import { deleteTemplate } from './commands/templates/delete-template.ts'
import { findTemplate } from './commands/templates/find-template.ts'
import { previewTemplate } from './commands/templates/preview-template.ts'
import { recordDueReplies } from './commands/tracking/record-due-replies.ts'
import { recordHits } from './commands/tracking/record-hits.ts'
import { recordReply } from './commands/tracking/record-reply.ts'
import { runAutomations, type Automation } from './commands/workers.ts'
import type { Config } from './config.ts'
import { account, requireActive, type ConnectedAccount, accountStream } from './domain/accounts/account.ts'
import { defaultAccount, defaultAccountStream } from './domain/accounts/default-account.ts'
import type { Owner } from './domain/accounts/events.ts'
import { entry, entryStream, type Entry } from './domain/directory/entry.ts'
import { outgoingMessage, outgoingStream } from './domain/sending/outgoing-message.ts'
import { analyticsRoutes } from './http/analytics.ts'
import { newApiKey } from './http/api-keys.ts'
import { attachmentRoutes } from './http/attachments.ts'
import { directoryRoutes } from './http/directory.ts'
import { draftRoutes } from './http/drafts.ts'
import { emailAccountRoutes } from './http/email-accounts.ts'
import { healthRoutes } from './http/health.ts'
import { keyRoutes } from './http/keys.ts'
import { messageContentRoutes } from './http/message-content.ts'
import { messageRoutes } from './http/messages.ts'
import { outboxRoutes } from './http/outbox.ts'
import { problemCodes } from './http/problem-codes.ts'
import { problemPages } from './http/problem-pages.ts'
import { buildServer, type App } from './http/server.ts'
import { syncRoutes } from './http/sync.ts'
import { templateRoutes } from './http/templates.ts'
import { trackingHitRoutes, trackingReportRoutes } from './http/tracking.ts'
import {
  accountList,
  countConnected,
  findAccount as findAccountRow,
  listAccounts,
} from './projections/accounts/account-list.ts'
import { engagementReport, lastDays } from './projections/analytics/engagement-report.ts'
import { engagement } from './projections/analytics/engagement.ts'
import { contactOfAddress, directory, listEntries } from './projections/directory/directory.ts'
import type { AnyProjection } from './projections/projection.ts'
import { deliveriesDue, dueDeliveries } from './projections/sending/deliveries-due.ts'
import { drafts, listDrafts } from './projections/sending/drafts.ts'
import {
  accountsWithDue,
  dueMessages,
  findOutgoing,
  listOutbox,
  metMessages,
  releasingMessages,
} from './projections/sending/outbox-queries.ts'
import { outbox } from './projections/sending/outbox.ts'
import { reportsToRead, unreadReports } from './projections/sending/reports-to-read.ts'
import { sendCounters, sentToday } from './projections/sending/send-counters.ts'
import { copiesToFile, sentCopiesToFile } from './projections/sending/sent-copies-to-file.ts'
import { findMessage, listFolder, listMessages, messagesOf } from './projections/sync/find-messages.ts'
import { findThread, listThreads, membersOf, threadOf } from './projections/sync/find-threads.ts'
import { messages } from './projections/sync/messages.ts'
import { knownAmong, knownBelow, knownOfOld, placements } from './projections/sync/placements.ts'
import { listSyncErrors, syncErrors } from './projections/sync/sync-errors.ts'
import { findPass, listPasses, syncHistory } from './projections/sync/sync-history.ts'
import { dueAccounts, lastPassOf, syncSchedule } from './projections/sync/sync-schedule.ts'
import { findSyncStatus, syncStatus } from './projections/sync/sync-status.ts'
import { threads } from './projections/sync/threads.ts'
import {
  findTemplateDetail,
  findTemplateVersion,
  listTemplates,
  templateList,
} from './projections/templates/template-list.ts'
import { messageTracking } from './projections/tracking/message-timeline-queries.ts'
import { messageTimeline } from './projections/tracking/message-timeline.ts'
import { dueReplies, repliesToRecord } from './projections/tracking/replies-to-record.ts'

/** Every read model there is. */
export const projections: readonly AnyProjection[] = [
  directory,
  accountList,
  drafts,
  outbox,
  sendCounters,
  sentCopiesToFile,
  deliveriesDue,
  reportsToRead,
  messages,
  threads,
  placements,
  syncSchedule,
  syncStatus,
  syncHistory,
  syncErrors,
  templateList,
  messageTimeline,
  repliesToRecord,
  engagement,
]

export type AppParts = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly clock?: Clock
  /** Where the log goes, a JSON object a line. */
  readonly logTo: { write(line: string): void }
}

export type Mailtrail = {
  readonly server: App
  /** Where people reach it. */
  readonly url: string
  /** The first API key, which this start has made; null on later starts. */
  readonly firstKey: Secret | null
  /** Listens, and begins with what happens unasked. */
  start(): Promise<void>
  /** Takes no more, ends what is in hand. */
  stop(): Promise<void>
}

/** Servers that file what is sent by themselves are left this long to do it. */
const OWN_COPY_WAIT_SECONDS = 3

/** Puts the service together on a database, which is brought up to date first. */
export const createApp = async ({
  config,
  pool,
  logTo,
  clock = () => new Date(),
}: AppParts): Promise<Mailtrail> => {
  await migrate(pool)
  await prepareReadModels(pool, projections)
  const { keyring } = await openKeyring(pool, {
    value: config.keys === null ? null : new Secret(config.keys),
    file: join(config.dataFolder, 'keys.json'),
  })
  const idempotency = postgresIdempotency(pool)
  // The embedded database serves one process, this one: what a former one held is nobody's.
  if (config.databaseUrl === null) {
    await pool.query(`update mailtrail.leases set expires_at = '-infinity'`)
    await idempotency.letGoOfAll()
  }

  const stopping = new AbortController()
  const { signal } = stopping
  const url = config.publicUrl ?? `http://${config.host}:${config.port}`
  const trackingUrl = config.trackingUrl ?? url
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const apiKeys = postgresApiKeys(pool)
  const server = await buildServer({
    clock,
    apiKeys,
    idempotency,
    fingerprintKey: Buffer.from(hkdfSync('sha256', keyring.trackingKeys()[0]!.key, '', 'idempotency', 32)),
    waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
    logLevel: config.logLevel,
    trustProxy: config.trustProxy,
    logTo,
  })
  const warn = (what: string) => (error: unknown) => server.log.warn({ err: error }, what)

  // The neighbours.
  const store = postgresEventStore(pool, { onError: warn('event store') })
  const leases = postgresLeases(pool, { owner: `${hostname()} ${process.pid} ${randomUUID()}` })
  const blobs = postgresBlobStore(pool)
  const vault = postgresVault(pool, keyring)
  const guard = egressGuard(config.egress)
  const tester = connectionTester(guard)
  const connector = imapConnector(guard)
  const sender = smtpSender(guard)
  const parser = mailParser()
  const compiler = templateCompiler()
  const tokens = trackingTokens(keyring.trackingKeys(), new URL(trackingUrl).host)
  const tracker = mailTracker(tokens, trackingUrl)
  const spool = openSpool({
    folder: join(config.dataFolder, 'spool'),
    onProblem: (problem) => server.log.error({ problem: problem.kind }, 'spool of hits'),
  })
  const runner = projectionRunner({ store, pool, leases, projections, log: server.log })

  // What one feature asks of another.
  const handle = handler(store, clock)
  const load = loader(store)
  const findAccount = accountFinder(load)
  const openMailbox = async (accountId: string, stop: AbortSignal): Promise<MailboxSession | null> => {
    const found = await findAccount(accountId)
    if (!found?.imap || found.status === 'disconnected') return null
    const { imap } = await loginsOf(vault, found)
    return imap && connector.connect(imap, stop)
  }
  const lookup = {
    ...directoryLookup(load),
    contactOfAddress: (address: string) => contactOfAddress(db, address),
  }
  const templates = findTemplate({ store, compiler })
  const needs = { handle, load, clock, store, blobs, vault, tester, compiler, parser, leases, openMailbox }
  const syncNeeds = {
    ...needs,
    findAccount: async (id: string) => {
      const found = await findAccount(id)
      return found && { ...found, active: found.status === 'active' }
    },
    findOutgoing: async (id: string) => {
      const { state } = await load(outgoingMessage, outgoingStream(id))
      if (!('message' in state)) return null
      const { accountId, mime, copy } = state.message
      return { accountId, blobs: [mime.blob, copy.blob] }
    },
    known: {
      among: (folder: Parameters<typeof knownAmong>[1], uids: readonly number[]) =>
        knownAmong(db, folder, uids),
      below: (folder: Parameters<typeof knownBelow>[1], below: number, limit: number) =>
        knownBelow(db, folder, below, limit),
      ofOld: (
        folder: Parameters<typeof knownOfOld>[1],
        after: Parameters<typeof knownOfOld>[2],
        limit: number,
      ) => knownOfOld(db, folder, after, limit),
    },
    lastPass: (accountId: string) => lastPassOf(db, accountId),
  }

  const writeNeeds = {
    ...needs,
    findAccount,
    activeAccount: async (id: string) => requireActive((await load(account, accountStream(id))).state),
    defaultAccount: defaultAccountOf(load),
    directory: lookup,
    findTemplate: templates,
    findMessage: async (id: string) => {
      const row = await findMessage(db, id)
      return row ? { ...row.header, accountId: row.account_id, direction: directionOf(row) } : null
    },
    tracker,
    // No script leaves in a mail, whoever wrote it.
    compose: async (mail: MailToCompose) => {
      await compiler.compile({ format: 'html', source: mail.html })
      return composeMail(mail)
    },
  }

  // The surface.
  healthRoutes(server, {
    ping: async () => void (await pool.query('select 1')),
    projections: () => runner.status(),
  })
  problemPages(server, new Map([...problemCodes, ...mailProblemHelp]))
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
    listAccounts: (after, limit, withDisconnected) => listAccounts(db, after, limit, withDisconnected),
    findAccount: (id) => findAccountRow(db, id),
    figures: async () => ({
      connectedAccounts: await countConnected(db),
      emailsSentToday: (await sentToday(db, clock())).total,
    }),
    signal,
  })
  syncRoutes(server, {
    requestSync: requestSync(needs),
    findSyncStatus: (id, now) => findSyncStatus(db, id, now),
    listPasses: (id, before, limit) => listPasses(db, id, before, limit),
    findPass: (id, number) => findPass(db, id, number),
    listSyncErrors: (id, after, limit) => listSyncErrors(db, id, after, limit),
    clock,
  })
  messageRoutes(server, {
    retryQuarantined: retryQuarantined(syncNeeds),
    skipQuarantined: skipQuarantined(needs),
    listMessages: (id, after, limit) => listMessages(db, id, after, limit),
    listFolder: (id, folder, after, limit) => listFolder(db, id, folder, after, limit),
    messagesOf: (ids) => messagesOf(db, ids),
    findMessage: (id) => findMessage(db, id),
    listThreads: (id, after, limit) => listThreads(db, id, after, limit),
    findThread: (id) => findThread(db, id),
    threadOf: (id) => threadOf(db, id),
    membersOf: (thread, after, limit) => membersOf(db, thread, after, limit),
    signal,
  })
  messageContentRoutes(server, { findMessage: (id) => findMessage(db, id), blobs, parser, signal })
  templateRoutes(server, {
    createTemplate: createTemplate(needs),
    changeTemplate: changeTemplate(needs),
    deleteTemplate: deleteTemplate(needs),
    previewTemplate: previewTemplate({ findTemplate: templates, directory: lookup, findAccount }),
    listTemplates: (query) => listTemplates(db, query),
    findTemplateDetail: (id, userId) => findTemplateDetail(db, id, userId),
    findTemplateVersion: (id, version, userId) => findTemplateVersion(db, id, version, userId),
  })
  attachmentRoutes(server, { blobs })
  draftRoutes(server, {
    saveDraft: saveDraft(writeNeeds),
    changeDraft: changeDraft(writeNeeds),
    discardDraft: discardDraft(needs),
    previewDraft: previewDraft(writeNeeds),
    listDrafts: (filter, after, limit) => listDrafts(db, filter, after, limit),
    load,
  })
  outboxRoutes(server, {
    queueMessage: queueMessage(writeNeeds),
    cancelMessage: cancelMessage(needs),
    settleMessage: settleMessage(needs),
    listOutbox: (filter, after, limit) => listOutbox(db, filter, after, limit),
    findOutgoing: (id) => findOutgoing(db, id),
    blobs,
    load,
  })
  trackingHitRoutes(server, {
    tokens,
    spool,
    clock,
    isOwn: networks(config.ownNetworks),
    isBot: isKnownBot,
    onLost: warn('a hit could not be spooled'),
  })
  trackingReportRoutes(server, {
    messageTracking: (id) => messageTracking(db, id, { now: clock() }),
    clock,
  })
  analyticsRoutes(server, {
    engagementReport: (options) => engagementReport(db, options),
    lastDays: (days, now) => lastDays(db, days, now),
    clock,
  })

  // What happens unasked.
  const sendNeeds = {
    ...needs,
    findAccount,
    directory: lookup,
    sender,
    chance: Math.random,
    accountsWithDue: (limit: number) => accountsWithDue(db, limit),
    dueMessages: (accountId: string, limit: number) => dueMessages(db, accountId, limit),
    releasingMessages: (accountId: string | null, limit: number) => releasingMessages(db, accountId, limit),
  }
  const sending = { ...sendNeeds, send: sendMessage(sendNeeds), recover: recoverReleasing(needs) }
  const syncDue = syncDueAccounts({
    clock,
    dueAccounts: (limit) => dueAccounts(db, clock(), limit),
    run: runSyncPass(syncNeeds),
  })
  const automations: Automation[] = [
    {
      name: 'sync',
      wakeOn: [syncSchedule],
      everyMs: 1000,
      single: false,
      lanes: SYNC_LANES,
      work: syncDue,
    },
    {
      name: 'send',
      wakeOn: [outbox],
      everyMs: 500,
      single: false,
      lanes: SEND_LANES,
      work: sendDue(sending),
    },
    {
      name: 'recover sends',
      wakeOn: [],
      everyMs: 5000,
      single: false,
      work: recoverDeadSends(sending),
    },
    {
      name: 'file copies',
      wakeOn: [sentCopiesToFile],
      everyMs: 2000,
      single: false,
      work: fileCopies({
        ...needs,
        copiesToFile: (limit) => copiesToFile(db, limit, OWN_COPY_WAIT_SECONDS),
        file: fileSentCopy(needs),
        giveUp: giveUpOnCopy(needs),
      }),
    },
    {
      name: 'confirm deliveries',
      wakeOn: [],
      everyMs: 1000,
      single: true,
      work: confirmDeliveries({
        clock,
        dueDeliveries: (limit) => dueDeliveries(db, config.deliveryWindowMinutes, limit),
        confirm: confirmDelivery({ ...needs, windowMinutes: config.deliveryWindowMinutes }),
      }),
    },
    {
      name: 'confirm found messages',
      wakeOn: [outbox],
      everyMs: 10_000,
      single: true,
      work: confirmFoundMessages({
        clock,
        metMessages: (limit) => metMessages(db, limit),
        confirm: confirmFound(needs),
      }),
    },
    {
      name: 'read reports',
      wakeOn: [reportsToRead],
      everyMs: 10_000,
      single: true,
      work: readReports({
        clock,
        unreadReports: (limit) => unreadReports(db, limit),
        read: readReport(needs),
      }),
    },
    {
      name: 'record replies',
      wakeOn: [repliesToRecord],
      everyMs: 10_000,
      single: true,
      work: recordDueReplies({
        clock,
        dueReplies: async (limit) =>
          (await dueReplies(db, limit)).map((row) => ({
            outgoingId: row.outgoing_id,
            accountId: row.account_id,
            messageId: row.message_id,
            from: row.from,
            at: row.at,
          })),
        record: recordReply(needs),
      }),
    },
  ]
  const record = recordHits(needs)
  const pumpHits = () => spool.pump((hits) => record(systemCaller('tracking', clock, 'spool'), hits), signal)

  const firstKey = await makeFirstKey(apiKeys)
  let running: Promise<unknown> = Promise.resolve()
  return {
    server,
    url,
    firstKey,
    start: async () => {
      await server.listen({ host: config.host, port: config.port })
      const automationParts = {
        leases,
        onAdvanced: (names: readonly string[], listener: () => void) => {
          const ends = names.map((name) => runner.onAdvanced(name, listener))
          return () => ends.forEach((end) => end())
        },
        onError: (automation: string, error: unknown) =>
          server.log.error({ err: error, automation }, 'automation failed'),
      }
      running = Promise.all([
        runner.start(signal),
        runAutomations(automations, automationParts, signal),
        pumpHits(),
      ])
    },
    stop: async () => {
      stopping.abort()
      await server.close()
      await running
      await Promise.all([spool.close(), sender.close(), parser.close(), compiler.close()])
      await store.close()
    },
  }
}

const accountFinder =
  (load: Load) =>
  async (id: string): Promise<ConnectedAccount | null> => {
    const { state } = await load(account, accountStream(id))
    return state.status === 'none' ? null : state
  }

/** The user's own default account, else the team's (S17). */
const defaultAccountOf =
  (load: Load) =>
  async (userId: string | null): Promise<string | null> => {
    const chosen = async (owner: Owner) =>
      (await load(defaultAccount, defaultAccountStream(owner))).state.accountId
    const own = userId === null ? null : await chosen({ kind: 'user', userId })
    return own ?? chosen({ kind: 'team' })
  }

const directionOf = ({ direction }: { readonly direction: string }): 'in' | 'out' =>
  direction === 'out' ? 'out' : 'in'

/** The CRM's records from their streams, so never behind. */
const directoryLookup = (load: Load) => {
  const find =
    <Kind extends Entry['kind']>(kind: Kind) =>
    async (id: string) => {
      const { state } = await load(entry, entryStream(kind, id))
      if (state.status === 'absent') return null
      return state.value as Extract<Entry, { kind: Kind }>['value']
    }
  return {
    user: find('user'),
    contact: find('contact'),
    company: find('company'),
    deal: find('deal'),
    organization: () => find('organization')('main'),
  }
}

const makeFirstKey = async (apiKeys: ReturnType<typeof postgresApiKeys>): Promise<Secret | null> => {
  if ((await apiKeys.list()).length > 0) return null
  const { id, token, hash } = newApiKey()
  await apiKeys.insert({ id, name: 'first key', scopes: ['*'], userId: null, expiresAt: null }, hash)
  return token
}
