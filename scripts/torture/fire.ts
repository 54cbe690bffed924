import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { freePort } from '../lib/free-port.ts'
import { bombard } from './bombard.ts'
import type { Chance } from './chance.ts'
import { newTally, newTarget, patience, type Tally, type Target } from './target.ts'

/** The services under fire, seen from without: whom to ask, and what was done to them. */
export type Fire = {
  /** Where one of them listens, each in its turn. */
  url(): string
  /** Where mails say that their pixels and links are. */
  readonly trackingUrl: string
  /** The first API key; '' until it is known. */
  key(): string
  /** Fulfilled when one of them is ready, or after so long in any case. */
  up(withinMs: number): Promise<void>
  readonly tally: Tally
  bombard(parts: {
    readonly kills: number
    readonly chance: Chance
    readonly warm: Promise<void>
    readonly moment: () => Promise<void>
    /** Whether the database was killed since. */
    readonly onReady: (lostDatabase: boolean) => void
    readonly noMore: AbortSignal
    readonly interrupted: AbortSignal
  }): Promise<void>
  /** Ends all as an operator would. @returns what did not end in order */
  stop(): Promise<string[]>
  /** Kills what runs, and waits until the database is gone too. */
  end(): Promise<void>
}

type Parts = { readonly folder: string; readonly env: Record<string, string>; readonly services: number }

/**
 * One service is started as its users start it, with a database of its own that dies with it. Several are as many
 * processes on one database that lives on, and on one data folder.
 */
export const openFire = async ({ folder, env, services }: Parts): Promise<Fire> => {
  const tally = newTally()
  const ports = await Promise.all(Array.from({ length: services }, () => freePort()))
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const database = services > 1 ? await startEmbeddedPostgres({ dataFolder: databaseIn(folder) }) : null
  const common = {
    ...env,
    MAILTRAIL_DATA: join(folder, 'data'),
    MAILTRAIL_TRACKING_URL: urls[0]!,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    ...(database ? { DATABASE_URL: urlOf(database) } : {}),
  }
  await compile(common)
  const log = fs.createWriteStream(join(folder, 'service.log'), { flags: 'a' })
  const onLog = (line: string): void => void log.write(`${line}\n`)
  const targets = ports.map((port, index) =>
    newTarget({ url: urls[index]!, env: { ...common, MAILTRAIL_PORT: String(port) }, tally, onLog }),
  )
  let turn = 0
  return {
    url: () => urls[turn++ % urls.length]!,
    trackingUrl: urls[0]!,
    key: () => targets[0]!.key() ?? '',
    up: (ms) => Promise.race([...targets.map((target) => target.ready()), patience(ms)]),
    tally,
    bombard: async ({ kills, chance, warm, onReady, ...parts }) => {
      let lostDatabase = false
      const each = async (target: Target, index: number) => {
        // The first makes the keys and shows the one of the API.
        if (index > 0) await targets[0]!.ready()
        await bombard({
          ...parts,
          target,
          tally,
          chance: chance.branch(String(index)),
          kills: Math.ceil(kills / services),
          warm,
          // Of one alone the first kill comes while it is set up; of several the others would then wait for what it held.
          warmIn: services > 1 ? 0 : 1,
          killDatabase: () => !database && (lostDatabase = killDatabase(folder)),
          mayPause: services > 1,
          onReady: () => {
            onReady(lostDatabase)
            lostDatabase = false
          },
        })
      }
      await Promise.all(targets.map(each))
    },
    stop: async () => {
      const ends = await Promise.all(targets.map((target) => target.stop()))
      return ends.filter((end) => end !== 0).map((end) => `It ended with ${end} when it was asked to stop`)
    },
    end: async () => {
      await Promise.all(targets.map((target) => target.kill()))
      await new Promise((resolve) => log.end(resolve))
      await database?.stop()
      for (let tries = 0; tries < 300 && fs.existsSync(lockIn(folder)); tries++) await sleep(100)
    },
  }
}

export const databaseIn = (folder: string): string => join(folder, 'data', 'postgres')

const urlOf = ({ connection: { host, port, user, database } }: EmbeddedPostgres): string =>
  `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`

/** Has Node keep what it compiles of the service, which it does at an orderly end alone: starts take half as long. */
const compile = async (env: Record<string, string>): Promise<void> => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'help'], { env: { ...process.env, ...env }, stdio: 'ignore' })
  await once(child, 'exit')
}

const lockIn = (folder: string): string => join(databaseIn(folder), 'cluster', 'postmaster.pid')

/** @returns whether there was one */
const killDatabase = (folder: string): boolean => {
  try {
    const pid = Number(fs.readFileSync(lockIn(folder), 'utf8').split('\n', 1)[0])
    return pid > 1 && process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
