import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../lib/free-port.ts'
import { startService, type Service } from '../lib/service.ts'
import type { Chance } from './chance.ts'

/** No start may take longer, whatever the machine has to do besides. */
const START_WITHIN_MS = 120_000
const STOP_WITHIN_MS = 25_000
const WARM_WITHIN_MS = 60_000
const MOMENT_WITHIN_MS = 4000

export type Fire = {
  readonly url: string
  /** The first API key; known once the first start was ready. */
  key(): string
  /** Fulfilled when the service is ready, or after so long in any case. */
  up(withinMs: number): Promise<void>
  /** Milliseconds since the epoch. */
  readonly killTimes: readonly number[]
  killsInStart(): number
  /** How often the database was killed with it. */
  databaseKills(): number
  /** Milliseconds from each kill until the service was ready again. */
  readonly recoveries: readonly number[]
  /** What it said on its way down, where it ended by itself. */
  readonly faults: readonly string[]
  /**
   * Starts, kills and starts again so often, or until there shall be no more; at the end the service is ready. After the
   * first kill it is left alone until it is `warm`, so that the others meet it at work. A quarter of the kills come in a
   * start, a quarter just behind a `moment` that is worth it, and the others at any time within two seconds. Of eight one
   * hits the database first.
   */
  bombard(
    kills: number,
    chance: Chance,
    signals: { noMore: AbortSignal; interrupted: AbortSignal },
    parts: BombardParts,
  ): Promise<void>
  /** Ends it as an operator would. @returns the exit code or signal */
  stop(): Promise<number | string>
  /** Kills what runs, and waits until its database is gone too. */
  end(): Promise<void>
}

type BombardParts = {
  readonly warm: Promise<void>
  readonly moment: () => Promise<void>
  /** Whether the database was killed too since it was ready last. */
  readonly onReady: (lostDatabase: boolean) => void
}

export type FireParts = {
  readonly folder: string
  readonly env: Record<string, string>
}

/** The real service as its users start it, in a process that is killed without warning, over and over. */
export const openFire = async ({ folder, env }: FireParts): Promise<Fire> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const compiled = { NODE_COMPILE_CACHE: join(folder, 'compiled') }
  await compile({ ...env, ...compiled })
  const log = fs.createWriteStream(join(folder, 'service.log'), { flags: 'a' })
  const recoveries: number[] = []
  const faults: string[] = []
  let key: string | null = null
  let child: ChildProcess | null = null
  let running: Promise<Service> | null = null
  let ready = Promise.withResolvers<void>()
  const killTimes: number[] = []
  let killsInStart = 0
  let databaseKills = 0
  let lostDatabase = false
  let killedAt: number | null = null

  const start = (): Promise<Service> => {
    const begun = startService(
      { ...env, ...compiled, MAILTRAIL_DATA: join(folder, 'data'), MAILTRAIL_PORT: String(port) },
      { onLog: (line) => void log.write(`${line}\n`), onSpawn: (process) => (child = process) },
    )
    running = begun
    const onReady = (service: Service) => {
      if (running !== begun) return
      key ??= service.key
      if (killedAt !== null) recoveries.push(performance.now() - killedAt)
      killedAt = null
      ready.resolve()
    }
    begun.then(onReady, () => {})
    return begun
  }

  const kill = async (): Promise<void> => {
    const victim = child
    running = null
    child = null
    if (!victim || victim.exitCode !== null || victim.signalCode !== null) return
    const ended = new Promise((resolve) => victim.once('exit', resolve))
    killedAt ??= performance.now()
    ready.resolve()
    ready = Promise.withResolvers<void>()
    killTimes.push(Date.now())
    victim.kill('SIGKILL')
    await ended
  }

  /** Lets it run until the moment chosen for its death. @returns whether that was before it was ready */
  const live = async (begun: Promise<Service>, lifeMs: number, fromStart: boolean): Promise<boolean> => {
    let isReady = false
    const up = within(begun, START_WITHIN_MS).then((service) => {
      isReady = true
      return service
    })
    if (fromStart) await Promise.race([up, sleep(lifeMs)])
    else {
      const service = await up
      const ended = await Promise.race([service.ended, sleep(lifeMs)])
      if (ended !== undefined) throw new Error(`The service ended by itself (${ended})`)
    }
    up.catch(() => {})
    return !isReady
  }

  return {
    url,
    key: () => key ?? '',
    up: (ms) => Promise.race([ready.promise, patience(ms)]),
    killTimes,
    killsInStart: () => killsInStart,
    databaseKills: () => databaseKills,
    recoveries,
    faults,
    bombard: async (wanted, chance, { noMore, interrupted }, { warm, moment, onReady }) => {
      try {
        let startMs = 1000
        while (killTimes.length < wanted && !noMore.aborted) {
          const begun = start()
          const begunAt = performance.now()
          const onStarted = () => {
            startMs = performance.now() - begunAt
            onReady(lostDatabase)
            lostDatabase = false
          }
          begun.then(onStarted, () => {})
          if (killTimes.length === 1)
            await Promise.race([begun.then(() => warm), patience(WARM_WITHIN_MS), aborted(noMore)])
          // The key is shown by the first start alone, once.
          const kind =
            killTimes.length < 2
              ? 'any time'
              : chance.pick(['start', 'moment', 'any time', 'any time'] as const)
          if (kind === 'moment') await begun.then(() => Promise.race([moment(), patience(MOMENT_WITHIN_MS)]))
          const most = { start: Math.ceil(startMs), moment: 100, 'any time': 2000 }[kind]
          const lifeMs = chance.between(kind === 'any time' ? 50 : 0, most)
          if (await live(begun, lifeMs, kind === 'start')) killsInStart++
          if (noMore.aborted) break
          if (killTimes.length > 1 && chance.oneIn(8) && killDatabase(folder)) {
            databaseKills++
            lostDatabase = true
            await sleep(chance.between(0, 200))
          }
          await kill()
        }
        if (!running && !interrupted.aborted) await within(start(), START_WITHIN_MS)
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error))
      }
    },
    stop: async () => {
      const service = await running
      if (!service) return 'not running'
      const slow = sleep(STOP_WITHIN_MS, 'too slow', { ref: false })
      service.process.kill('SIGTERM')
      return Promise.race([service.ended, slow])
    },
    end: async () => {
      await kill()
      await new Promise((resolve) => log.end(resolve))
      for (let tries = 0; tries < 300 && fs.existsSync(lockOf(folder)); tries++) await sleep(100)
    },
  }
}

/** Has Node keep what it compiles of the service, which it does at an orderly end alone: starts take half as long. */
const compile = async (env: Record<string, string>): Promise<void> => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'help'], { env: { ...process.env, ...env }, stdio: 'ignore' })
  await once(child, 'exit')
}

/** @returns whether there was one */
const killDatabase = (folder: string): boolean => {
  try {
    const pid = Number(fs.readFileSync(lockOf(folder), 'utf8').split('\n', 1)[0])
    return pid > 1 && process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

const lockOf = (folder: string): string => join(folder, 'data', 'postgres', 'cluster', 'postmaster.pid')

/** A wait that keeps no process alive. */
const patience = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false })

const within = <Value>(promise: Promise<Value>, ms: number): Promise<Value> =>
  Promise.race([
    promise,
    patience(ms).then(() => {
      throw new Error(`The service was not ready after ${ms / 1000} s`)
    }),
  ])

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
