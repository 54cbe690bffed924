import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { startEmbeddedPostgres } from '../adapters/embedded-postgres/embedded-postgres.ts'
import { runningPostgres } from '../adapters/embedded-postgres/running.ts'
import { areCurrent } from '../adapters/postgres/migrate.ts'
import { ConfigError, type Config } from '../config.ts'

/** What a command-line operation works with. It ends early, and cleanly, when the signal aborts. */
export type Operation = {
  readonly config: Config
  readonly args: readonly string[]
  readonly signal: AbortSignal
  /** Results. */
  readonly say: (line: string) => void
  /** Everything else. */
  readonly warn: (line: string) => void
  /** Shows progress; called several times a second. An empty line ends it. */
  readonly show: (line: string) => void
}

/** The exit code of an operation ended by a signal. */
export const STOPPED_BY_SIGNAL = 130

type Database = { readonly connection: pg.PoolConfig; readonly stop: () => Promise<void> }

/** The configured database: a server, the embedded one of a running service, or the embedded one started for this. */
export const connect = async (
  { databaseUrl, dataFolder }: Config,
  warn: Operation['warn'],
): Promise<Database> => {
  const stop = (): Promise<void> => Promise.resolve()
  if (databaseUrl !== null) return { connection: { connectionString: databaseUrl }, stop }
  const folder = join(dataFolder, 'postgres')
  if (!existsSync(join(folder, 'cluster')))
    throw new ConfigError(
      `There is no database in ${dataFolder}: start the service once, or set DATABASE_URL`,
    )
  const running = await runningPostgres(folder)
  return running
    ? { connection: running, stop }
    : startEmbeddedPostgres({ dataFolder: folder, onProgress: warn })
}

/** @throws ConfigError if no service has been started on the database since it had this release, or NewerDatabase */
export const requireTables = async (pool: pg.Pool): Promise<void> => {
  if (!(await areCurrent(pool)))
    throw new ConfigError('The database is not set up for this release: start the service on it once')
}
