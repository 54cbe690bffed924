import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { startService, type Service } from '../lib/service.ts'

const STOP_WITHIN_MS = 25_000
const START_WITHIN_MS = 120_000

/** What was done to the services, and what became of them. Times in milliseconds since the epoch. */
export type Tally = {
  /** Kills, and pauses from their beginning to their end: when something may have been cut in two. */
  readonly blows: { readonly from: number; to: number }[]
  kills: number
  killsInStart: number
  databaseKills: number
  pauses: number
  /** Milliseconds from each kill until the service was ready again. */
  readonly recoveries: number[]
  /** Services that ended, or could not be started, by themselves. */
  readonly faults: string[]
}

export const newTally = (): Tally => ({
  blows: [],
  kills: 0,
  killsInStart: 0,
  databaseKills: 0,
  pauses: 0,
  recoveries: [],
  faults: [],
})

/** One service, in a process that is started and struck down again and again. */
export type Target = {
  readonly url: string
  /** The key that its first start has shown, if any. */
  key(): string | null
  /** Fulfilled when it is ready; anew after each kill. */
  ready(): Promise<void>
  isStarted(): boolean
  /** @returns when it is ready. @throws Error where it ends instead, or takes too long */
  start(): Promise<Service>
  /** Without warning, as the kernel does it. */
  kill(): Promise<void>
  /** Stops its time for so long. */
  pause(ms: number): Promise<void>
  /** Ends it as an operator would. @returns the exit code, or what it did instead */
  stop(): Promise<number | string>
}

export type TargetParts = {
  readonly url: string
  readonly env: Record<string, string>
  readonly tally: Tally
  readonly onLog: (line: string) => void
}

export const newTarget = ({ url, env, tally, onLog }: TargetParts): Target => {
  let key: string | null = null
  let child: ChildProcess | null = null
  let running: Promise<Service> | null = null
  let ready = Promise.withResolvers<void>()
  let killedAt: number | null = null

  const isAlive = (process: ChildProcess | null): process is ChildProcess =>
    process !== null && process.exitCode === null && process.signalCode === null

  return {
    url,
    key: () => key,
    ready: () => ready.promise,
    isStarted: () => running !== null,
    start: () => {
      const begun = startService(env, { onLog, onSpawn: (process) => (child = process) })
      running = begun
      const onReady = (service: Service) => {
        if (running !== begun) return
        key ??= service.key
        if (killedAt !== null) tally.recoveries.push(performance.now() - killedAt)
        killedAt = null
        ready.resolve()
      }
      begun.then(onReady, () => {})
      return within(begun, START_WITHIN_MS)
    },
    kill: async () => {
      const victim = child
      running = null
      child = null
      if (!isAlive(victim)) return
      const ended = new Promise((resolve) => victim.once('exit', resolve))
      killedAt ??= performance.now()
      ready = Promise.withResolvers<void>()
      tally.kills++
      tally.blows.push({ from: Date.now(), to: Date.now() })
      victim.kill('SIGKILL')
      await ended
    },
    pause: async (ms) => {
      const victim = child
      if (!isAlive(victim)) return
      const blow = { from: Date.now(), to: Infinity }
      tally.pauses++
      tally.blows.push(blow)
      victim.kill('SIGSTOP')
      await sleep(ms)
      victim.kill('SIGCONT')
      blow.to = Date.now()
    },
    stop: async () => {
      const service = await running
      if (!service) return 'not running'
      service.process.kill('SIGTERM')
      return Promise.race([service.ended, patience(STOP_WITHIN_MS).then(() => 'too slow')])
    },
  }
}

/** A wait that keeps no process alive. */
export const patience = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false })

const within = <Value>(promise: Promise<Value>, ms: number): Promise<Value> =>
  Promise.race([
    promise,
    patience(ms).then(() => {
      throw new Error(`The service was not ready after ${ms / 1000} s`)
    }),
  ])
