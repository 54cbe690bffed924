import { hkdfSync } from 'node:crypto'
import type pg from 'pg'
import { postgresApiKeys } from './adapters/postgres/api-keys.ts'
import { postgresIdempotency } from './adapters/postgres/idempotency.ts'
import { migrate } from './adapters/postgres/migrate.ts'
import { prepareReadModels } from './adapters/postgres/projections/state/prepare.ts'
import { transaction } from './std/transaction.ts'
import { openKeyring } from './adapters/vault/rotation.ts'
import { openAdapters } from './app/adapters.ts'
import { automationsOf } from './app/automations.ts'
import { needsOf } from './app/needs.ts'
import { openObserving } from './app/observing.ts'
import { openStore, requireOwnLog } from './app/open-store.ts'
import { projections } from './app/read-models.ts'
import { addOperatorRoutes, addRoutes } from './app/routes.ts'
import { systemCaller } from './commands/handle.ts'
import type { Clock } from './commands/ports/clock.ts'
import type { Secret } from './commands/ports/credentials.ts'
import { recordHits } from './commands/tracking/record-hits.ts'
import { runAutomations, type Automation } from './commands/automation-runner.ts'
import type { Config } from './config.ts'
import { newApiKey } from './http/access/api-keys.ts'
import { fileSeals } from './http/sending/sealed-files.ts'
import { buildServer, type App } from './http/server/server.ts'

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
  /** The first API key, which this start has made; null on later starts, and where there is no API. */
  readonly firstKey: Secret | null
  /** Listens, and begins with what happens unasked. */
  start(): Promise<void>
  /** Takes no more, ends what is in hand. */
  stop(): Promise<void>
}

/**
 * Puts a process of the service together on a database, which is brought up to date first. As `api` it answers requests
 * and records the hits that come in them, as `worker` it does what happens unasked and answers operators alone.
 * @throws ConfigError for a log that cannot be used, or is not the one of this database
 */
export const createApp = async ({
  config,
  pool,
  logTo,
  clock = () => new Date(),
}: AppParts): Promise<Mailtrail> => {
  await migrate(pool)
  await prepareReadModels(pool, projections)
  const keyring = await openKeyring(pool, config.keyring)
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
  const apiKeys = postgresApiKeys(pool)
  // From the oldest key, which is kept for good.
  const derivedKey = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', keyring.trackingKeys()[0]!.key, '', purpose, 32))
  const observing = await openObserving(config, (error) =>
    server.log.warn({ err: error }, 'traces could not be handed over'),
  )
  const { meter } = observing
  const server = await buildServer({
    clock,
    apiKeys,
    idempotency,
    fingerprintKey: derivedKey('idempotency'),
    waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
    logLevel: config.logLevel,
    trustProxy: config.trustProxy,
    logTo,
    observe: observing.requests,
  })
  const store = await openStore(config, pool, (error) => server.log.warn({ err: error }, 'event store'))
  await requireOwnLog(pool, store)
  const adapters = openAdapters({ config, pool, store, keyring, trackingUrl, log: server.log, meter })
  const { runner, spool, leases } = adapters
  const needs = needsOf(adapters, clock)
  const servesApi = config.role !== 'worker'
  addOperatorRoutes(server, { config, pool, meter, adapters })
  const files = fileSeals(derivedKey('attachments'))
  if (servesApi) addRoutes(server, { config, pool, apiKeys, adapters, needs, files, clock, signal })
  const record = recordHits(adapters)
  const hitsRecorder = () => systemCaller('tracking', clock, 'spool')
  const pumpHits = () =>
    spool.pump((hits) => observing.run('record hits', () => record(hitsRecorder(), hits)), signal)
  const automationParts = {
    leases,
    onAdvanced: (names: readonly string[], listener: () => void) => {
      const ends = names.map((name) => runner.onAdvanced(name, listener))
      return () => ends.forEach((end) => end())
    },
    onError: (automation: string, error: unknown) =>
      server.log.error({ err: error, automation }, 'automation failed'),
  }
  const workUnasked = () => {
    const automations = [
      ...automationsOf(adapters, needs, clock, config.deliveryWindowMinutes),
      sweepKeys(idempotency),
    ]
    return Promise.all([
      runner.start(signal),
      runAutomations(automations.map(observing.automation), automationParts, signal),
    ])
  }

  const firstKey = servesApi ? await makeFirstKey(pool, apiKeys) : null
  let running: Promise<unknown> = Promise.resolve()
  return {
    server,
    url,
    firstKey,
    start: async () => {
      await server.listen({ host: config.host, port: config.port })
      running = Promise.all([
        ...(servesApi ? [pumpHits()] : []),
        ...(config.role === 'api' ? [] : [workUnasked()]),
      ])
    },
    stop: async () => {
      // Nobody is let in from here on; who is in ends what he does, and gives his leases back.
      const closed = server.close()
      stopping.abort()
      await Promise.all([closed, running])
      await adapters.close()
      await observing.close()
    },
  }
}

const FIRST_KEY_LOCK = 727_004

/** Of several processes that start on an empty database, one makes it. */
const makeFirstKey = (pool: pg.Pool, apiKeys: ReturnType<typeof postgresApiKeys>): Promise<Secret | null> =>
  transaction(pool, 'begin', async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [FIRST_KEY_LOCK])
    if ((await apiKeys.list()).length > 0) return null
    const { id, token, hash } = newApiKey()
    await apiKeys.insert({ id, name: 'first key', scopes: ['*'], userId: null, expiresAt: null }, hash)
    return token
  })

/** Kept answers are dropped when nobody repeats a request any more. */
const sweepKeys = (idempotency: { readonly sweep: () => Promise<number> }): Automation => ({
  name: 'sweep idempotency keys',
  wakeOn: [],
  everyMs: 3_600_000,
  single: true,
  work: async () => {
    await idempotency.sweep()
    return false
  },
})
