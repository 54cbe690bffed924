import type { FastifyBaseLogger } from 'fastify'
import { Kysely, PostgresDialect } from 'kysely'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { discovery } from '../adapters/imap-smtp/discovery/discover.ts'
import { trustAlso } from '../adapters/network/authorities.ts'
import { egressGuard } from '../adapters/network/egress-guard.ts'
import { damagedContent, spoolMetrics } from '../adapters/metrics/activity.ts'
import { measuredLeases } from '../adapters/metrics/measured-leases.ts'
import type { Meter } from '../adapters/metrics/meter.ts'
import { projectionMetrics } from '../adapters/metrics/projections.ts'
import { mailComposer } from '../adapters/mime/compose-pool.ts'
import { mailParser } from '../adapters/mime/parse-pool.ts'
import { templateCompiler } from '../adapters/mjml/compile.ts'
import { postgresBlobStore } from '../adapters/postgres/blob-store.ts'
import { logTimes } from '../adapters/postgres/event-log/log-times.ts'
import { postgresMessageTexts } from '../adapters/postgres/message-texts.ts'
import { postgresPresence } from '../adapters/postgres/conversation-presence.ts'
import { postgresWebhookDeliveries } from '../adapters/postgres/webhook-deliveries.ts'
import { postgresLeases } from '../adapters/postgres/leases.ts'
import { pushLine } from '../adapters/postgres/push-line.ts'
import { projectionRunner } from '../adapters/postgres/projections/run/runner.ts'
import { traceBatch } from '../adapters/tracing/projection-spans.ts'
import { tracedProvider } from '../adapters/tracing/traced-mail.ts'
import { trackingOfMail } from '../adapters/tracking/mail-tracker.ts'
import { openSpool } from '../adapters/tracking/spool.ts'
import { trackingTokens } from '../adapters/tracking/token.ts'
import { derivedKey, fingerprints } from '../adapters/vault/derived-key.ts'
import type { Keyring } from '../adapters/vault/keyring.ts'
import { postgresVault } from '../adapters/vault/vault.ts'
import { jsonPoster } from '../adapters/webhooks/post-json.ts'
import { webhookSigner } from '../adapters/webhooks/signer.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import type { MailProvider } from '../commands/ports/mail-provider.ts'
import type { Config } from '../config.ts'
import { providersOf } from './providers.ts'
import { projections } from './read-models.ts'

type AdapterDeps = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly log: FastifyBaseLogger
  readonly meter: Meter
  readonly store: EventStore
  readonly linkedStore: EventStore
  readonly keyring: Keyring
  /** Kinds of mail systems beside those that there are in any case. */
  readonly providers: readonly MailProvider[]
}

/** Everything outside the process: the database, mail servers, files. */
export const openAdapters = (deps: AdapterDeps) => {
  const { config, pool, store, linkedStore, keyring, log, meter } = deps
  trustAlso(config.egress.extraCa)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const owner = `${hostname()} ${process.pid} ${randomUUID()}`
  const leases = measuredLeases(postgresLeases(pool, { owner }), meter)
  const times = logTimes(pool, store)
  const countDamaged = damagedContent(meter)
  const blobs = postgresBlobStore(pool, (hash) => {
    countDamaged()
    log.error({ hash }, 'stored content does not match its hash')
  })
  const vault = postgresVault(pool, keyring)
  const fingerprint = fingerprints(derivedKey(keyring, 'mailboxes'))
  const guard = egressGuard(config.egress)
  const poster = jsonPoster(guard, config.webhookTimeoutMs)
  const line = pushLine(pool, (error) => log.warn({ err: error }, 'a push may have been missed'))
  const presence = postgresPresence(pool, (error) =>
    log.warn({ err: error }, 'who is in a conversation may not have been told'),
  )
  const providers = [...providersOf({ config, guard, keyring, line }), ...deps.providers].map(tracedProvider)
  const parser = mailParser()
  const composer = mailComposer()
  const compiler = templateCompiler()
  const tokens = trackingTokens(keyring.trackingKeys())
  // Where nobody said where we can be reached, links of ours would lead readers nowhere.
  const tracking = trackingOfMail(keyring.trackingKeys(), config.trackingUrl)
  const spoolFolder = join(config.dataFolder, 'spool')
  const spool = openSpool({
    folder: spoolFolder,
    onProblem: (problem) => log.error({ problem: problem.kind }, 'hit spool'),
  })
  spoolMetrics(meter, spoolFolder)
  const measureBatch = projectionMetrics(meter, store, () => runner.status())
  const onBatch: typeof traceBatch = (batch) => {
    measureBatch(batch)
    traceBatch(batch)
  }
  const runner = projectionRunner({ store, pool, leases, projections, log, onBatch })
  const close = async (): Promise<void> => {
    await Promise.all([
      ...providers.map((provider) => provider.close()),
      line.close(),
      presence.close(),
      spool.close(),
      parser.close(),
      composer.close(),
      tracking.close(),
      compiler.close(),
    ])
    poster.close()
    await store.close()
  }
  return {
    db,
    store,
    linkedStore,
    leases,
    times,
    blobs,
    texts: postgresMessageTexts(pool),
    webhooks: {
      deliveries: postgresWebhookDeliveries(pool),
      signer: webhookSigner(derivedKey(keyring, 'webhooks')),
      post: poster.post,
    },
    presence,
    vault,
    fingerprint,
    providers,
    discover: discovery(guard),
    parser,
    composer,
    compiler,
    tokens,
    tracker: tracking.tracker,
    untrack: tracking.untrack,
    spool,
    runner,
    close,
  }
}

export type Adapters = ReturnType<typeof openAdapters>
