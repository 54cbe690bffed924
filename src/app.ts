import { hkdfSync, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { connectionTester } from './adapters/imap-smtp/connection-test.ts'
import { egressGuard } from './adapters/imap-smtp/egress-guard.ts'
import { checkSignature } from './adapters/mjml/compile.ts'
import { postgresApiKeys } from './adapters/postgres/api-keys.ts'
import { postgresEventStore } from './adapters/postgres/event-store.ts'
import { postgresIdempotency } from './adapters/postgres/idempotency.ts'
import { postgresLeases } from './adapters/postgres/leases.ts'
import { migrate } from './adapters/postgres/migrate.ts'
import { projectionRunner } from './adapters/postgres/projection-runner.ts'
import { openKeyring } from './adapters/vault/rotation.ts'
import { postgresVault } from './adapters/vault/vault.ts'
import { changeServers } from './commands/accounts/change-servers.ts'
import { changeSettings } from './commands/accounts/change-settings.ts'
import { changeSignature } from './commands/accounts/change-signature.ts'
import { chooseDefaultAccount } from './commands/accounts/choose-default-account.ts'
import { connectAccount } from './commands/accounts/connect-account.ts'
import { disconnectAccount } from './commands/accounts/disconnect-account.ts'
import { pauseAccount } from './commands/accounts/pause-account.ts'
import { resumeAccount } from './commands/accounts/resume-account.ts'
import { testAccount } from './commands/accounts/test-account.ts'
import { putEntry } from './commands/directory/put-entry.ts'
import { removeEntry } from './commands/directory/remove-entry.ts'
import { handler, loader } from './commands/handle.ts'
import { Secret, type Clock } from './commands/ports.ts'
import { runAutomations, type Automation } from './commands/workers.ts'
import type { Config } from './config.ts'
import { newApiKey } from './http/api-keys.ts'
import { directoryRoutes } from './http/directory.ts'
import { emailAccountRoutes } from './http/email-accounts.ts'
import { healthRoutes } from './http/health.ts'
import { keyRoutes } from './http/keys.ts'
import { buildServer, type App } from './http/server.ts'
import {
  accountList,
  countConnected,
  findAccount,
  listAccounts,
} from './projections/accounts/account-list.ts'
import { directory, listEntries } from './projections/directory/directory.ts'
import type { AnyProjection } from './projections/projection.ts'
import { deliveriesDue } from './projections/sending/deliveries-due.ts'
import { drafts } from './projections/sending/drafts.ts'
import { outbox } from './projections/sending/outbox.ts'
import { sendCounters, sentToday } from './projections/sending/send-counters.ts'
import { sentCopiesToFile } from './projections/sending/sent-copies-to-file.ts'

/** Every read model there is. */
export const projections: readonly AnyProjection[] = [
  directory,
  accountList,
  drafts,
  outbox,
  sendCounters,
  sentCopiesToFile,
  deliveriesDue,
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

/** Puts the service together on a database, which is brought up to date first. */
export const createApp = async ({
  config,
  pool,
  logTo,
  clock = () => new Date(),
}: AppParts): Promise<Mailtrail> => {
  await migrate(pool)
  const { keyring } = await openKeyring(pool, {
    value: config.keys === null ? null : new Secret(config.keys),
    file: join(config.dataFolder, 'keys.json'),
  })
  // The embedded database serves one process, this one: what a former one held is nobody's.
  if (config.databaseUrl === null) await pool.query(`update mailtrail.leases set expires_at = '-infinity'`)
  const stopping = new AbortController()
  const { signal } = stopping
  const url = config.publicUrl ?? `http://${config.host}:${config.port}`
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const store = postgresEventStore(pool, {
    onError: (error) => server.log.warn({ err: error }, 'event store'),
  })
  const leases = postgresLeases(pool, { owner: `${hostname()} ${process.pid} ${randomUUID()}` })
  const vault = postgresVault(pool, keyring)
  const apiKeys = postgresApiKeys(pool)
  const guard = egressGuard(config.egress)
  const tester = connectionTester(guard)
  const handle = handler(store, clock)
  const load = loader(store)
  const server = await buildServer({
    clock,
    apiKeys,
    idempotency: postgresIdempotency(pool),
    fingerprintKey: Buffer.from(hkdfSync('sha256', keyring.trackingKeys()[0]!.key, '', 'idempotency', 32)),
    waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
    logLevel: config.logLevel,
    trustProxy: config.trustProxy,
    logTo,
  })
  const runner = projectionRunner({ store, pool, leases, projections, log: server.log })

  healthRoutes(server, {
    ping: async () => void (await pool.query('select 1')),
    projections: () => runner.status(),
  })
  keyRoutes(server, { apiKeys })
  directoryRoutes(server, {
    putEntry: putEntry({ handle }),
    removeEntry: removeEntry({ handle }),
    listEntries: (kind, after, limit) => listEntries(db, kind, after, limit),
    load,
  })
  emailAccountRoutes(server, {
    connectAccount: connectAccount({ handle, load, vault, tester }),
    changeServers: changeServers({ handle, load, vault, tester }),
    changeSettings: changeSettings({ handle }),
    changeSignature: changeSignature({ handle, check: checkSignature }),
    testAccount: testAccount({ handle, load, vault, tester }),
    pauseAccount: pauseAccount({ handle }),
    resumeAccount: resumeAccount({ handle }),
    disconnectAccount: disconnectAccount({ handle, vault }),
    chooseDefaultAccount: chooseDefaultAccount({ handle, load }),
    tester,
    listAccounts: (after, limit, withDisconnected) => listAccounts(db, after, limit, withDisconnected),
    findAccount: (id) => findAccount(db, id),
    figures: async () => ({
      connectedAccounts: await countConnected(db),
      emailsSentToday: (await sentToday(db, clock())).total,
    }),
    signal,
  })

  const automations: Automation[] = []
  const firstKey = await makeFirstKey(apiKeys)
  let running: Promise<unknown> = Promise.resolve()
  return {
    server,
    url,
    firstKey,
    start: async () => {
      await server.listen({ host: config.host, port: config.port })
      running = Promise.all([
        runner.start(signal),
        runAutomations(
          automations,
          {
            leases,
            onAdvanced: (names, listener) => {
              const ends = names.map((name) => runner.onAdvanced(name, listener))
              return () => ends.forEach((end) => end())
            },
            onError: (automation, error) => server.log.error({ err: error, automation }, 'automation failed'),
          },
          signal,
        ),
      ])
    },
    stop: async () => {
      stopping.abort()
      await server.close()
      await running
      await store.close()
    },
  }
}

const makeFirstKey = async (apiKeys: ReturnType<typeof postgresApiKeys>): Promise<Secret | null> => {
  if ((await apiKeys.list()).length > 0) return null
  const { id, token, hash } = newApiKey()
  await apiKeys.insert({ id, name: 'first key', scopes: ['*'], userId: null, expiresAt: null }, hash)
  return token
}
