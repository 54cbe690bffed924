import type pg from 'pg'
import { postgresApiKeys } from './adapters/postgres/api-keys.ts'
import { postgresIdempotency } from './adapters/postgres/idempotency.ts'
import { derivedKey } from './adapters/vault/derived-key.ts'
import { openKeyring } from './adapters/vault/rotation.ts'
import { openAdapters } from './app/adapters.ts'
import { openFeatures } from './app/features.ts'
import { openObserving } from './app/observing.ts'
import { observedStore, openStore, requireOwnLog } from './app/open-store.ts'
import { makeFirstKey, prepareDatabase } from './app/prepare-database.ts'
import { addRoutes } from './app/routes.ts'
import { work } from './app/work.ts'
import type { Clock } from './commands/ports/clock.ts'
import type { Secret } from './commands/ports/credentials.ts'
import type { MailProvider } from './commands/ports/mail-provider.ts'
import type { Config } from './config.ts'
import { fileSeals } from './http/sending/sealed-files.ts'
import { buildServer, type App } from './http/server/server.ts'
import { seldom } from './std/seldom.ts'

export type AppDeps = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly clock?: Clock
  /** Receives the log, one JSON object per line. */
  readonly logTo: { write(line: string): void }
  /** Providers in addition to the built-in ones. */
  readonly providers?: readonly MailProvider[]
}

export type Mailtrail = {
  readonly server: App
  /** The address at which people reach the service. */
  readonly url: string
  /** The first API key, if this start created it; null on later starts, and if there is no API. */
  readonly firstKey: Secret | null
  /** Starts listening and running automations. */
  start(): Promise<void>
  /** Stops accepting work and finishes what is in progress. */
  stop(): Promise<void>
}

/** During an outage every read, append and subscription asks again several times a second. */
const STORE_TOLD_EVERY_MS = 30_000

/**
 * Assembles a process of the service on a database, which is brought up to date first. As `api` it answers requests and
 * records the hits it receives; as `worker` it runs the automations and answers operators only.
 * @throws ConfigError for a log that cannot be used, or does not belong to this database
 */
export const createApp = async ({
  config,
  pool,
  logTo,
  clock = () => new Date(),
  providers = [],
}: AppDeps): Promise<Mailtrail> => {
  const stopping = new AbortController()
  const { signal } = stopping
  const url = config.publicUrl ?? `http://${config.host}:${config.port}`
  const apiKeys = postgresApiKeys(pool)
  const idempotency = postgresIdempotency(pool)
  await prepareDatabase({ config, pool, idempotency })
  const keyring = await openKeyring(pool, config.keyring)
  const observing = await openObserving(config, (error) =>
    server.log.warn({ err: error }, 'traces could not be exported'),
  )
  const { meter } = observing
  const server = await buildServer({
    clock,
    apiKeys,
    idempotency,
    fingerprintKey: derivedKey(keyring, 'idempotency'),
    waitFor: (name, position, ms) => adapters.runner.waitFor(name, position, ms),
    logLevel: config.logLevel,
    trustProxy: config.trustProxy,
    corsOrigins: config.corsOrigins,
    requestTimeoutMs: config.requestTimeoutMs,
    limits: config.limits,
    logTo,
    observe: observing.requests,
  })
  const { log } = server
  const tellStore = seldom(STORE_TOLD_EVERY_MS, (error: Error, times) =>
    log.warn({ reason: error.message, times }, 'the event store did not answer, and was asked again'),
  )
  const opened = await openStore(config, pool, tellStore)
  await requireOwnLog(pool, opened)
  const store = observedStore(opened, meter)
  const adapters = openAdapters({ config, pool, ...store, keyring, providers, log, meter })
  const features = openFeatures({ ...adapters, apiKeys }, { ...config, url }, clock, log)
  const files = fileSeals(derivedKey(keyring, 'attachments'))
  addRoutes(server, { config, url, pool, meter, apiKeys, adapters, features, files, clock, signal })
  const firstKey = await makeFirstKey({
    config,
    pool,
    apiKeys,
    clock,
    create: features.access.commands.create,
  })

  let running: Promise<void> = Promise.resolve()
  return {
    server,
    url,
    firstKey,
    start: async () => {
      await server.listen({ host: config.host, port: config.port })
      running = work({ config, adapters, features, idempotency, observing, clock, log }, signal)
    },
    stop: async () => {
      // No new requests from here on; work in progress finishes and releases its leases.
      const closed = server.close()
      stopping.abort()
      await Promise.all([closed, running])
      await adapters.close()
      await observing.close()
    },
  }
}
