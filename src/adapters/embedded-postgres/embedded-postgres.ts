import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { pause } from '../../std/pause.ts'
import { within } from '../../std/within.ts'
import {
  type Binaries,
  EmbeddedPostgresError,
  type Runner,
  chooseRunner,
  codeOf,
  packageFolder,
  prepareBinaries,
} from './binaries.ts'
import {
  type Places,
  giveTo,
  holderOf,
  openDataFolder,
  ownerSetting,
  port,
  socketFolder,
  waitUntilFree,
} from './data-folder.ts'
import { identityOf, isAlive } from './process-facts.ts'
import { type Server, runToEnd, startServer } from './server.ts'

export type EmbeddedPostgresOptions = {
  /** A folder for the database alone; created if missing. The database's user must be able to enter its parents. */
  dataFolder: string
  /** Called with a line for each step of the start. */
  onProgress?: (line: string) => void
  /** False trades safety against power loss for speed; for tests only. */
  durable?: boolean
  /** More PostgreSQL settings; they override ours. */
  settings?: Record<string, string>
}

export type Connection = { host: string; port: number; user: string; database: string; password?: string }

export type EmbeddedPostgres = {
  connection: Connection
  /** Resolves when the server is gone, whatever the reason: the service cannot continue then. */
  ended: Promise<void>
  /** Stops the server and waits until it is gone; open connections are cut. May be called more than once. */
  stop: () => Promise<void>
}

export const name = 'mailtrail'
const restartWithinMs = 15_000
const largestLogBytes = 10_000_000

const MIB = 2 ** 20

/** An eighth of the memory that this process may use, which also other programs want; between 128 MiB and 1 GiB. */
const buffers = (): string => {
  const memory = Math.min(os.totalmem(), process.constrainedMemory() || Infinity)
  return `${Math.min(Math.max(Math.floor(memory / 8 / MIB), 128), 1024)}MB`
}

// For a small machine with two cores. Parallel queries are off because containers have too little shared memory for
// them.
const settings: Record<string, string> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: buffers(),
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Details and statements can contain personal data.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
}
const notDurable = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/**
 * Starts a PostgreSQL server for one service, on a data folder; creates the database on the first start. The server
 * ends with this process, however that ends.
 * @throws DataFolderInUse if another running service uses the folder
 * @throws EmbeddedPostgresError if it cannot run here, with the remedy
 */
export const startEmbeddedPostgres = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  const { onProgress = () => {}, durable = true } = options
  const startedAt = Date.now()
  const places = openDataFolder(path.resolve(options.dataFolder))
  const { runner, folder } = chooseRunner(packageFolder(), places.folder)
  const binaries = prepareBinaries(folder, places.libraries)
  await waitUntilFree(places, onProgress)
  giveTo(runner, places.folder)
  if (!fs.existsSync(places.cluster)) {
    onProgress(`Creating the database in ${places.folder} (first start only)`)
    await createCluster(places, binaries, runner, durable)
  }
  shortenLog(places.log)
  onProgress('Starting PostgreSQL')
  const { socket, remove } = socketFolder(places, runner)
  const values = {
    ...settings,
    ...(durable ? {} : notDurable),
    ...options.settings,
    unix_socket_directories: `"${socket.replaceAll('"', '""')}"`,
    [ownerSetting]: identityOf(process.pid) ?? String(process.pid),
  }
  const args = ['-D', places.cluster, '-p', String(port)]
  for (const [key, value] of Object.entries(values)) args.push('-c', `${key}=${value}`)
  const server = await startUntilReady(
    places,
    () => startServer(binaries, runner, args, places.log),
    onProgress,
  )
  const ended = server.ended.then(remove, remove)
  const connection = { host: socket, port, user: name, database: name }
  await createDatabase(connection)
  onProgress(`Database ready in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  return { connection, ended, stop: () => server.stop() }
}

/** In a temporary folder first, so that an interrupted creation leaves nothing that looks like a database. */
const createCluster = async (
  places: Places,
  binaries: Binaries,
  runner: Runner,
  durable: boolean,
): Promise<void> => {
  const unfinished = `${places.cluster}-${process.pid}.unfinished`
  for (const entry of fs.readdirSync(places.folder)) {
    const maker = Number(/^cluster-(\d+)\.unfinished$/.exec(entry)?.[1] ?? process.pid)
    const isAbandoned = maker === process.pid || !isAlive(maker)
    if (entry.endsWith('.unfinished') && isAbandoned) {
      fs.rmSync(path.join(places.folder, entry), { recursive: true, force: true })
    }
  }
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const args = ['-D', unfinished, '-U', name, '--auth=trust', '--no-instructions', ...locale]
  const { code, output } = await runToEnd(
    binaries.initdb,
    durable ? args : [...args, '--no-sync'],
    binaries,
    runner,
  )
  if (code !== 0) throw new EmbeddedPostgresError(`The database could not be created: ${lastLines(output)}`)
  try {
    fs.renameSync(unfinished, places.cluster)
  } catch (error) {
    // Two services started at once and the other was first; the server's own lock decides which continues.
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
    fs.rmSync(unfinished, { recursive: true })
  }
}

/** After a crash the old server's children may linger for a moment, so retry while the lock is held. */
const startUntilReady = async (
  places: Places,
  start: () => Server,
  onProgress: (line: string) => void,
): Promise<Server> => {
  const deadline = Date.now() + restartWithinMs
  for (;;) {
    const logStart = fs.statSync(places.log, { throwIfNoEntry: false })?.size ?? 0
    const server = start()
    if (await isReady(places, server, onProgress)) return server
    const log = fs.readFileSync(places.log).subarray(logStart).toString('utf8')
    const isHeld =
      /lock file "[^"]*" already exists|pre-existing shared memory block|lock file .* is empty/.test(log)
    if (!isHeld || Date.now() > deadline) {
      throw new EmbeddedPostgresError(`PostgreSQL did not start: ${lastLines(log)} (more in ${places.log})`)
    }
    await pause(200)
    await waitUntilFree(places, onProgress)
  }
}

/** True when the server accepts connections, false if it ended before that. Recovery may take a while. */
const isReady = async (
  places: Places,
  server: Server,
  onProgress: (line: string) => void,
): Promise<boolean> => {
  const own = identityOf(process.pid)
  const began = Date.now()
  let nextReportMs = 5_000
  const end = server.ended.then(() => 'ended' as const)
  for (;;) {
    const holder = await holderOf(places)
    if (holder.kind === 'server' && holder.ready && holder.owner === own) return true
    if ((await within(end, 20, () => 'not yet')) === 'ended') return false
    if (Date.now() - began > nextReportMs) {
      onProgress(
        `PostgreSQL is still starting after ${nextReportMs / 1000} s (after a crash it replays its log first)`,
      )
      nextReportMs *= 2
    }
  }
}

const createDatabase = async (connection: Connection): Promise<void> => {
  const client = new pg.Client({ ...connection, database: 'postgres' })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [
      connection.database,
    ])
    if (rowCount === 0) await client.query(`create database ${connection.database}`)
  } finally {
    await client.end()
  }
}

const shortenLog = (log: string): void => {
  const bytes = fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0
  if (bytes > largestLogBytes) fs.renameSync(log, `${log}.1`)
}

const lastLines = (text: string): string => {
  return text.trim().split('\n').slice(-3).join(' | ')
}
