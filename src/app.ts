import { hkdfSync } from 'node:crypto'
import { join } from 'node:path'
import type pg from 'pg'
import { postgresApiKeys } from './adapters/postgres/api-keys.ts'
import { postgresIdempotency } from './adapters/postgres/idempotency.ts'
import { migrate } from './adapters/postgres/migrate.ts'
import { prepareReadModels } from './adapters/postgres/prepare-read-models.ts'
import { openKeyring } from './adapters/vault/rotation.ts'
import { openAdapters } from './app/adapters.ts'
import { automationsOf } from './app/automations.ts'
import { needsOf } from './app/needs.ts'
import { projections } from './app/read-models.ts'
import { addRoutes } from './app/routes.ts'
import { systemCaller } from './commands/handle.ts'
import { Secret, type Clock } from './commands/ports.ts'
import { recordHits } from './commands/tracking/record-hits.ts'
import { runAutomations } from './commands/workers.ts'
import type { Config } from './config.ts'
import { newApiKey } from './http/api-keys.ts'
import { buildServer, type App } from './http/server.ts'

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
  const adapters = openAdapters({ config, pool, keyring, trackingUrl, log: server.log })
  const { runner, spool, leases } = adapters
  const needs = needsOf(adapters, clock)
  addRoutes(server, { config, pool, apiKeys, adapters, needs, clock, signal })
  const automations = automationsOf(adapters, needs, clock, config.deliveryWindowMinutes)
  const record = recordHits(adapters)
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
      await adapters.close()
    },
  }
}

const makeFirstKey = async (apiKeys: ReturnType<typeof postgresApiKeys>): Promise<Secret | null> => {
  if ((await apiKeys.list()).length > 0) return null
  const { id, token, hash } = newApiKey()
  await apiKeys.insert({ id, name: 'first key', scopes: ['*'], userId: null, expiresAt: null }, hash)
  return token
}
