import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { createApp, type Mailtrail } from '../src/app.ts'
import type { Clock } from '../src/commands/ports/clock.ts'
import { readConfig } from '../src/config.ts'
import { apiClient, type Client } from '../scripts/lib/client.ts'
import { freePort } from '../scripts/lib/free-port.ts'
import type { Bench } from './measure.ts'

export type BenchService = {
  readonly app: Mailtrail
  readonly client: Client
  /** The API key that the client uses. */
  readonly key: string
  readonly folder: string
  /** Its database. */
  readonly pool: Pool
  /** Starts listening and working; routes may be added before. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** A new folder for the run. */
export const temporaryFolder = (): { path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), 'mailtrail-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The whole service in this process, on a durable database, with `env` added to what every run needs. */
export const benchService = async (
  bench: Bench,
  env: Record<string, string> = {},
  clock?: Clock,
): Promise<BenchService> => {
  const data = temporaryFolder()
  const folder = data.path
  const config = readConfig({
    MAILTRAIL_DATA: folder,
    MAILTRAIL_PORT: String(await freePort()),
    MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    MAILTRAIL_LOG_LEVEL: 'error',
    ...env,
  })
  const pool = createPool({ ...(await bench.database()), max: 20 })
  const app = await createApp({ config, pool, logTo: process.stderr, ...(clock && { clock }) })
  const key = app.firstKey?.reveal() ?? ''
  return {
    app,
    folder,
    pool,
    key,
    client: apiClient(app.url, key),
    start: () => app.start(),
    stop: async () => {
      await app.stop()
      await pool.end()
      data.remove()
    },
  }
}
