import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { createKeyring } from '../../src/adapters/vault/keyring.ts'
import { freePort } from '../lib/free-port.ts'
import { bombard, type BombardParts } from './bombard.ts'
import { ownDatabase, sharedDatabase, type Database } from './database.ts'
import { watchTakeovers, type TakenOver } from './takeovers.ts'
import { newTally, newTarget, patience, type Tally, type Target } from './target.ts'

/** The services under test, seen from outside: how to reach them, and what was done to them. */
export type Fire = {
  /** A service that answers the API, in rotation. */
  url(): string
  /** The address of pixels and links in emails. */
  readonly trackingUrl: string
  /** The first API key; '' until it is known. */
  key(): string
  /** Resolves when a service that answers the API is ready, at the latest after this long. */
  up(withinMs: number): Promise<void>
  readonly tally: Tally
  /** Where the database keeps its files, and how to connect while it runs. */
  readonly databaseFolder: string
  /** Where hits wait to be recorded. */
  readonly spools: readonly string[]
  /**
   * Runs all kills and pauses.
   * @returns how long others took to take over from the processes that were hit
   */
  bombard(parts: Blows): Promise<TakenOver>
  /**
   * Stops all as an operator would.
   * @returns what did not stop properly
   */
  stop(): Promise<string[]>
  /** Kills what is running, and waits until the database is gone too. */
  end(): Promise<void>
}

type Blows = Omit<BombardParts, 'targets' | 'tally' | 'killDatabase'> & {
  /** Called whenever a process is ready, with whether the database was killed since. */
  readonly onReady: (lostDatabase: boolean) => void
}

type Parts = {
  readonly folder: string
  readonly env: Record<string, string>
  readonly apis: number
  readonly workers: number
  readonly eventStoreUrl: string | null
}

/**
 * Without apis and workers: one service as its users start it, whose own database dies with it. Otherwise several
 * processes as if on several machines: each with its own data folder, on one database and with one keyring.
 */
export const openFire = async ({ folder, env, apis, workers, eventStoreUrl }: Parts): Promise<Fire> => {
  const tally = newTally()
  const roles = [...Array<'api'>(apis).fill('api'), ...Array<'worker'>(workers).fill('worker')]
  const database = await (roles.length === 0
    ? ownDatabase(join(folder, 'data', 'postgres'))
    : sharedDatabase(join(folder, 'postgres')))
  const places = await placesOf(folder, roles)
  const common = {
    ...env,
    MAILTRAIL_TRACKING_URL: places[0]!.url,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    ...(database.url === null
      ? {}
      : { DATABASE_URL: database.url, MAILTRAIL_KEYS: createKeyring().text().reveal() }),
    ...(eventStoreUrl === null ? {} : { EVENT_STORE_URL: eventStoreUrl }),
  }
  await compile(common)
  const log = fs.createWriteStream(join(folder, 'service.log'), { flags: 'a' })
  const heard = { onReady: () => {}, onStruck: (_pid: number) => {}, onResumed: (_pid: number) => {} }
  const targets = places.map(({ role, url, port, data }) =>
    newTarget({
      role,
      url,
      tally,
      env: { ...common, MAILTRAIL_ROLE: role, MAILTRAIL_DATA: data, MAILTRAIL_PORT: String(port) },
      onLog: (line) => void log.write(`${line}\n`),
      onReady: () => heard.onReady(),
      onStruck: (pid) => heard.onStruck(pid),
      onResumed: (pid) => heard.onResumed(pid),
      wasAwaySince: database.wasAwaySince,
    }),
  )
  const answering = targets.filter(({ role }) => role !== 'worker')
  const working = targets.filter(({ role }) => role !== 'api')
  let turn = 0
  return {
    url: () => answering[turn++ % answering.length]!.url,
    trackingUrl: places[0]!.url,
    key: () => targets.map((target) => target.key()).find((key) => key !== null) ?? '',
    up: async (ms) => {
      // Callers retry in a loop while another is not up: leave time for others.
      await sleep(20)
      await Promise.race([...answering.map((target) => target.ready()), patience(ms)])
    },
    tally,
    databaseFolder: database.folder,
    spools: places.filter(({ role }) => role !== 'worker').map(({ data }) => join(data, 'spool')),
    bombard: async ({ onReady, ...blows }) => {
      let lostDatabase = false
      heard.onReady = () => {
        onReady(lostDatabase)
        lostDatabase = false
      }
      const killDatabase = async () => {
        lostDatabase = true
        await awayFor(database, tally)
      }
      if (targets.length === 1) {
        await bombard({ ...blows, targets, tally, killDatabase })
        return { times: [], wallTimes: [], broken: [] }
      }
      const takeovers = watchTakeovers(connectionIn(database.folder), () =>
        working.some((each) => each.isUp()),
      )
      heard.onStruck = takeovers.struck
      heard.onResumed = takeovers.resumed
      await bombard({ ...blows, targets, tally, killDatabase })
      return takeovers.end()
    },
    stop: () => stopAll(targets),
    end: async () => {
      await Promise.all(targets.map((target) => target.end()))
      await new Promise((resolve) => log.end(resolve))
      await database.end()
    },
  }
}

type Place = {
  readonly role: Target['role']
  readonly port: number
  readonly url: string
  readonly data: string
}

const placesOf = (folder: string, roles: readonly ('api' | 'worker')[]): Promise<Place[]> => {
  const wanted =
    roles.length === 0
      ? [{ role: 'all' as const, data: 'data' }]
      : roles.map((role, n) => ({ role, data: `data-${n}` }))
  return Promise.all(
    wanted.map(async ({ role, data }) => {
      const port = await freePort()
      return { role, port, url: `http://127.0.0.1:${port}`, data: join(folder, data) }
    }),
  )
}

/** The database as its owner connects to it. */
export const connectionIn = (folder: string): pg.ClientConfig => ({
  host: folder,
  port: 5432,
  user: 'mailtrail',
  database: 'mailtrail',
})

/** Work in progress may be interrupted until leases that could not be renewed have expired. */
const awayFor = async (database: Database, tally: Tally): Promise<void> => {
  const blow = { from: Date.now(), to: Infinity }
  tally.blows.push(blow)
  await database.kill()
  blow.to = Date.now() + LEASE_TERM_MS
}

const LEASE_TERM_MS = 9000

const stopAll = async (targets: readonly Target[]): Promise<string[]> => {
  const ends = await Promise.all(targets.map((target) => target.stop()))
  return ends.flatMap((end, n) =>
    end === 0 ? [] : [`A process (${targets[n]!.role}) ended with ${end} when it was asked to stop`],
  )
}

/** Makes Node cache the service's compiled code, which it only does on a clean exit: starts take half as long. */
const compile = async (env: Record<string, string>): Promise<void> => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'help'], { env: { ...process.env, ...env }, stdio: 'ignore' })
  await once(child, 'exit')
}
