import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pause } from '../../std/pause.ts'
import { EmbeddedPostgresError, type Runner } from './binaries.ts'
import { commandLineOf, folderOf, identityOf, isAlive, processIn } from './process-facts.ts'

/** Another service uses the data folder and is alive, so its database is left alone. */
class DataFolderInUse extends EmbeddedPostgresError {
  override name = 'DataFolderInUse'
}

/** Where everything is: all in one folder used by the database alone. */
export type Places = { folder: string; cluster: string; log: string; libraries: string }

export const port = 5432
/** The setting that says which service owns a server; on its command line, so it is visible from the start. */
export const ownerSetting = 'mailtrail.owner'

const socketName = `.s.PGSQL.${port}`
const longestSocketPath = 100
const ownEntry = /^(\..*|cluster(-\d+\.unfinished)?|postgres\.log(\.1)?|libraries)$/
const shortSocketFolder = path.join(os.tmpdir(), 'mailtrail-socket-')

/** @throws EmbeddedPostgresError if this user cannot use the folder */
export const openDataFolder = (folder: string): Places => {
  try {
    fs.mkdirSync(folder, { recursive: true })
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EmbeddedPostgresError(
      `Cannot use the data folder ${folder} (${reason}). Choose another, or run as the user who made it.`,
    )
  }
  const foreign = fs.readdirSync(folder).find((entry) => !ownEntry.test(entry))
  if (foreign !== undefined) {
    // The contents are handed to the database's user, so they must not be anybody else's.
    throw new EmbeddedPostgresError(
      `${folder} contains ${foreign}, which is not part of a database: choose an empty folder.`,
    )
  }
  const real = fs.realpathSync(folder)
  const at = (name: string) => path.join(real, name)
  return { folder: real, cluster: at('cluster'), log: at('postgres.log'), libraries: at('libraries') }
}

/**
 * Gives the folder to the user who runs the database, and closes it to everybody else. Does nothing if that is already
 * so.
 */
export const giveTo = (runner: Runner, folder: string): void => {
  fs.chmodSync(folder, 0o700)
  if (process.getuid?.() !== 0) return
  const uid = runner.uid ?? 0
  const gid = runner.gid ?? 0
  const entries = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })
  if (fs.statSync(folder).uid === uid && entries.length > 0) return
  // The folder itself last: its owner then shows that everything was handed over.
  for (const entry of [...entries, '.']) fs.lchownSync(path.join(folder, entry), uid, gid)
}

/** The folder of the socket: the data folder, or one with a short path if that is too long for a socket. */
export const socketFolder = (places: Places, runner: Runner): { socket: string; remove: () => void } => {
  if (Buffer.byteLength(path.join(places.folder, socketName)) <= longestSocketPath) {
    return { socket: places.folder, remove: () => {} }
  }
  const socket = fs.mkdtempSync(shortSocketFolder)
  if (runner.uid !== undefined && runner.gid !== undefined) fs.chownSync(socket, runner.uid, runner.gid)
  return { socket, remove: () => fs.rmSync(socket, { recursive: true, force: true }) }
}

export type Holder =
  | { kind: 'none' }
  /**
   * A server of this cluster runs on this system; `owner` is who started it, `ready` whether it accepts connections.
   */
  | { kind: 'server'; pid: number; owner: string; ready: boolean }
  /** A server answers on the socket but is no process of this system: another container uses the folder. */
  | { kind: 'elsewhere' }
  /** The process id in the pid file now belongs to something other than a server of this cluster. */
  | { kind: 'stale' }

/** Who uses the cluster now, by its pid file and the processes of this system. */
export const holderOf = async (places: Places): Promise<Holder> => {
  const file = readPidFile(places)
  if (file === undefined) return { kind: 'none' }
  const command = commandLineOf(file.pid)
  if (command.includes(places.cluster) || folderOf(file.pid) === places.cluster) {
    const owner = new RegExp(`${ownerSetting}=(\\S+)`).exec(command)?.[1] ?? ''
    return { kind: 'server', pid: file.pid, owner, ready: file.ready }
  }
  if (await answers(path.join(file.socket, socketName))) return { kind: 'elsewhere' }
  // When its process is gone, PostgreSQL removes the file itself, after checking for surviving children.
  if (!isAlive(file.pid)) return { kind: 'none' }
  // The process id belongs to something other than the server, or to a zombie: the server's children may still be
  // running, and removing the file would let a new server run beside them.
  const child = processIn(places.cluster)
  return child === undefined ? { kind: 'stale' } : { kind: 'server', pid: child, owner: '', ready: false }
}

/** The lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory, status. */
const readPidFile = (places: Places): { pid: number; socket: string; ready: boolean } | undefined => {
  try {
    const lines = fs.readFileSync(path.join(places.cluster, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 0) return undefined
    return { pid, socket: lines[4] ?? '', ready: lines[7]?.trim() === 'ready' }
  } catch {
    return undefined
  }
}

const answers = (socketPath: string): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = net.connect(socketPath, () => resolve(true))
  socket.on('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

// The guard of a service that has died gets these first seconds; then the server is asked to stop, and then killed.
const steps = [
  { afterMs: 3_000, name: 'SIGINT' },
  { afterMs: 63_000, name: 'SIGQUIT' },
] as const
const giveUpAfterMs = 73_000

/**
 * Returns when no server uses the cluster any more. A server whose service has died is stopped by its guard, or here if
 * the guard died too.
 * @throws DataFolderInUse if its service is alive
 */
export const waitUntilFree = async (places: Places, onProgress: (line: string) => void): Promise<void> => {
  const began = Date.now()
  const ahead = [...steps]
  for (let isFirstLook = true; ; isFirstLook = false) {
    const holder = await holderOf(places)
    if (holder.kind === 'none') return
    if (holder.kind === 'stale') {
      fs.rmSync(path.join(places.cluster, 'postmaster.pid'), { force: true })
      return
    }
    if (holder.kind === 'elsewhere') throw inUse(places, 'in another container')
    const ownerPid = Number.parseInt(holder.owner, 10)
    if (holder.owner !== '' && identityOf(ownerPid) === holder.owner) {
      throw inUse(places, ownerPid === process.pid ? 'this very process' : `process ${ownerPid}`)
    }
    if (isFirstLook) onProgress('Waiting for the database of a service that died to stop')
    const waitedMs = Date.now() - began
    if (waitedMs > giveUpAfterMs) throw doesNotStop(places, holder.pid)
    while (ahead[0] !== undefined && waitedMs > ahead[0].afterMs) signal(holder.pid, ahead.shift()?.name)
    await pause(50)
  }
}

const signal = (pid: number, name: NodeJS.Signals | undefined): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone or belongs to another user; checking the folder again shows which.
  }
}

const inUse = (places: Places, who: string): DataFolderInUse => {
  return new DataFolderInUse(
    `The data folder ${places.folder} is in use by another Mailtrail (${who}). Stop that one, or choose another data folder.`,
  )
}

const doesNotStop = (places: Places, pid: number): EmbeddedPostgresError => {
  return new EmbeddedPostgresError(
    `A previous database (process ${pid}) still uses ${places.folder} and does not stop: kill it, then start again.`,
  )
}
