import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError, type Runner } from './binaries.ts'
import { commandLineOf, identityOf, isAlive } from './process-facts.ts'

/** Another service has the data folder; it is alive, so its database is left alone. */
export class DataFolderInUse extends EmbeddedPostgresError {
  override name = 'DataFolderInUse'
}

/** Where everything lies: all of it in one folder that belongs to the database alone. */
export type Places = { folder: string; cluster: string; log: string; libraries: string }

export const port = 5432
/** The setting by which a server tells whose it is; on its command line, so it is there from its first moment. */
export const ownerSetting = 'mailtrail.owner'

const socketName = `.s.PGSQL.${port}`
const longestSocketPath = 100
const shortSocketFolder = path.join(os.tmpdir(), 'mailtrail-socket-')

/** @throws EmbeddedPostgresError when the folder cannot be used by this user */
export function openDataFolder(folder: string): Places {
  try {
    fs.mkdirSync(folder, { recursive: true })
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EmbeddedPostgresError(
      `Cannot use the data folder ${folder} (${reason}). Choose another, or run as the user who made it.`,
    )
  }
  const real = fs.realpathSync(folder)
  const at = (name: string) => path.join(real, name)
  return { folder: real, cluster: at('cluster'), log: at('postgres.log'), libraries: at('libraries') }
}

/** Gives the folder to the user who runs the database, and closes it to all others. A no-op when it is so already. */
export function giveTo(runner: Runner, folder: string): void {
  fs.chmodSync(folder, 0o700)
  if (process.getuid?.() !== 0) return
  const uid = runner.uid ?? 0
  const gid = runner.gid ?? 0
  const entries = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const file of [folder, ...entries.map((entry) => path.join(folder, entry))]) {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false })
    if (stat !== undefined && (stat.uid !== uid || stat.gid !== gid)) fs.lchownSync(file, uid, gid)
  }
}

/** The folder of the socket: the data folder, or a short one where that path is too long for a socket. */
export function socketFolder(places: Places, runner: Runner): { socket: string; remove: () => void } {
  if (Buffer.byteLength(path.join(places.folder, socketName)) <= longestSocketPath) {
    return { socket: places.folder, remove: () => {} }
  }
  const socket = fs.mkdtempSync(shortSocketFolder)
  if (runner.uid !== undefined && runner.gid !== undefined) fs.chownSync(socket, runner.uid, runner.gid)
  return { socket, remove: () => fs.rmSync(socket, { recursive: true, force: true }) }
}

export type Holder =
  | { kind: 'none' }
  /** A server of this cluster runs in this system; `owner` is who started it, `ready` that it takes connections. */
  | { kind: 'server'; pid: number; owner: string; ready: boolean }
  /** A server answers on the socket and is no process of this system: another container has the folder. */
  | { kind: 'elsewhere' }
  /** The number in the pid file was given to a process that is no server of this cluster. */
  | { kind: 'stale' }

/** Who holds the cluster now, by its pid file and the processes of this system. */
export async function holderOf(places: Places): Promise<Holder> {
  const file = readPidFile(places)
  if (file === undefined) return { kind: 'none' }
  const command = commandLineOf(file.pid)
  if (command.includes(places.cluster)) {
    const owner = new RegExp(`${ownerSetting}=(\\S+)`).exec(command)?.[1] ?? ''
    return { kind: 'server', pid: file.pid, owner, ready: file.ready }
  }
  if (await answers(path.join(file.socket, socketName))) return { kind: 'elsewhere' }
  // With its process gone PostgreSQL clears the file by itself, after it has looked for surviving children.
  return isAlive(file.pid) ? { kind: 'stale' } : { kind: 'none' }
}

/** The lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory, status. */
function readPidFile(places: Places): { pid: number; socket: string; ready: boolean } | undefined {
  try {
    const lines = fs.readFileSync(path.join(places.cluster, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 0) return undefined
    return { pid, socket: lines[4] ?? '', ready: lines[7]?.trim() === 'ready' }
  } catch {
    return undefined
  }
}

function answers(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = net.connect(socketPath, () => resolve(true))
  socket.on('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

const patience = { ownGuardMs: 3_000, interruptMs: 60_000, quitMs: 10_000 }

/**
 * Returns when no server holds the cluster any more. One whose service has died is being stopped by its guard; where the
 * guard died too it is stopped here.
 * @throws DataFolderInUse when its service is alive
 */
export async function waitUntilFree(places: Places, onProgress: (line: string) => void): Promise<void> {
  const began = Date.now()
  let stage = 0
  for (;;) {
    const holder = await holderOf(places)
    if (holder.kind === 'none') return
    if (holder.kind === 'stale')
      return fs.rmSync(path.join(places.cluster, 'postmaster.pid'), { force: true })
    if (holder.kind === 'elsewhere') throw inUse(places, 'in another container')
    const ownerPid = Number.parseInt(holder.owner, 10)
    if (holder.owner !== '' && identityOf(ownerPid) === holder.owner) {
      throw inUse(places, ownerPid === process.pid ? 'this very process' : `process ${ownerPid}`)
    }
    if (stage === 0) onProgress('Waiting for the database of a service that has died to stop')
    const waitedMs = Date.now() - began
    if (waitedMs > patience.ownGuardMs + patience.interruptMs + patience.quitMs)
      throw doesNotStop(places, holder.pid)
    const wanted =
      waitedMs > patience.ownGuardMs + patience.interruptMs ? 3 : waitedMs > patience.ownGuardMs ? 2 : 1
    if (wanted === 2 && stage < 2) signal(holder.pid, 'SIGINT')
    if (wanted === 3 && stage < 3) signal(holder.pid, 'SIGQUIT')
    stage = wanted
    await sleep(50)
  }
}

function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone, or is another user's; the next look at the folder tells which.
  }
}

function inUse(places: Places, who: string): DataFolderInUse {
  return new DataFolderInUse(
    `The data folder ${places.folder} is in use by another Mailtrail (${who}). Stop that one, or choose another data folder.`,
  )
}

function doesNotStop(places: Places, pid: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `A former database (process ${pid}) still holds ${places.folder} and does not stop: end it, then start again.`,
  )
}
