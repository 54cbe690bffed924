import fs from 'node:fs'
import { join } from 'node:path'
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/adapters/embedded-postgres/embedded-postgres.ts'

/** The database under test: shared by several services, or brought by one service. */
export type Database = {
  readonly folder: string
  /** For DATABASE_URL; null if the service brings its own. */
  readonly url: string | null
  /** Kills it with SIGKILL; a shared one is restarted before this resolves. */
  kill(): Promise<void>
  readonly wasAwaySince: (at: number) => boolean
  end(): Promise<void>
}

/** For several services with their pools, plus connections left over from killed ones. */
const settings = { max_connections: '300' }

export const sharedDatabase = async (folder: string): Promise<Database> => {
  let server = await startEmbeddedPostgres({ dataFolder: folder, settings })
  let backAt = -Infinity
  return {
    folder,
    url: urlOf(server),
    kill: async () => {
      backAt = Infinity
      killPostmaster(folder)
      await server.ended
      server = await startEmbeddedPostgres({ dataFolder: folder, settings })
      backAt = performance.now()
    },
    wasAwaySince: (at) => backAt >= at,
    end: () => server.stop(),
  }
}

export const ownDatabase = (folder: string): Database => ({
  folder,
  url: null,
  kill: () => {
    killPostmaster(folder)
    return Promise.resolve()
  },
  wasAwaySince: () => false,
  end: async () => {
    for (let tries = 0; tries < 300 && fs.existsSync(lockIn(folder)); tries++)
      await new Promise((resolve) => setTimeout(resolve, 100))
  },
})

const urlOf = ({ connection: { host, port, user, database } }: EmbeddedPostgres): string =>
  `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`

const lockIn = (folder: string): string => join(folder, 'cluster', 'postmaster.pid')

const killPostmaster = (folder: string): void => {
  try {
    const pid = Number(fs.readFileSync(lockIn(folder), 'utf8').split('\n', 1)[0])
    if (pid > 1) process.kill(pid, 'SIGKILL')
  } catch {
    // There is none right now.
  }
}
