import type { FastifyBaseLogger } from 'fastify'
import { Kysely, PostgresDialect } from 'kysely'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { connectionTester } from '../adapters/imap-smtp/connection-test.ts'
import { egressGuard } from '../adapters/imap-smtp/egress-guard.ts'
import { imapConnector } from '../adapters/imap-smtp/imap.ts'
import { smtpSender } from '../adapters/imap-smtp/smtp.ts'
import { mailParser } from '../adapters/mime/parse-pool.ts'
import { templateCompiler } from '../adapters/mjml/compile.ts'
import { postgresBlobStore } from '../adapters/postgres/blob-store.ts'
import { postgresLeases } from '../adapters/postgres/leases.ts'
import { projectionRunner } from '../adapters/postgres/projection-runner.ts'
import { mailTracker } from '../adapters/tracking/mail-tracker.ts'
import { openSpool } from '../adapters/tracking/spool.ts'
import { trackingTokens } from '../adapters/tracking/token.ts'
import type { Keyring } from '../adapters/vault/keyring.ts'
import { postgresVault } from '../adapters/vault/vault.ts'
import type { EventStore } from '../commands/ports.ts'
import type { Config } from '../config.ts'
import { projections } from './read-models.ts'

type Parts = {
  readonly config: Config
  readonly pool: pg.Pool
  readonly store: EventStore
  readonly keyring: Keyring
  readonly trackingUrl: string
  readonly log: FastifyBaseLogger
}

/** Whatever is on the other side: the database, mail servers, files. */
export const openAdapters = ({ config, pool, store, keyring, trackingUrl, log }: Parts) => {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
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
    onProblem: (problem) => log.error({ problem: problem.kind }, 'spool of hits'),
  })
  const runner = projectionRunner({ store, pool, leases, projections, log })
  const close = async (): Promise<void> => {
    await Promise.all([spool.close(), sender.close(), parser.close(), compiler.close()])
    await store.close()
  }
  return {
    db,
    store,
    leases,
    blobs,
    vault,
    tester,
    connector,
    sender,
    parser,
    compiler,
    tokens,
    tracker,
    spool,
    runner,
    close,
  }
}

export type Adapters = ReturnType<typeof openAdapters>
