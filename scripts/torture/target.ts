import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Strike } from './event-store.ts'
import { startService, type Service } from '../lib/service.ts'

/** What the service guarantees. */
const STOP_WITHIN_MS = 20_000
const START_WITHIN_MS = 120_000

/** What was done to the services, and what became of them. Times in milliseconds since the epoch. */
export type Tally = {
  /** Kills, pauses and outages of the database and the event store, from beginning to end: times in which work may have been interrupted. */
  readonly blows: { readonly from: number; to: number }[]
  kills: number
  killsInStart: number
  databaseKills: number
  readonly eventStoreStrikes: Strike[]
  pauses: number
  /** Milliseconds from each kill until the service was ready again. */
  readonly recoveries: number[]
  /** Services that ended, or failed to start, for no reason. */
  readonly faults: string[]
}

export const newTally = (): Tally => ({
  blows: [],
  kills: 0,
  killsInStart: 0,
  databaseKills: 0,
  eventStoreStrikes: [],
  pauses: 0,
  recoveries: [],
  faults: [],
})

/** One process, started and killed again and again. */
export type Target = {
  readonly role: 'api' | 'worker' | 'all'
  readonly url: string
  /** The key shown by its first start, if any. */
  key(): string | null
  /** Resolves when it is ready; again after each kill. */
  ready(): Promise<void>
  /** Ready, and not suspended. */
  isUp(): boolean
  isPaused(): boolean
  /** Starts it, and restarts it after each kill until `end`. Faults go into the tally. */
  begin(): void
  /** Kills it with SIGKILL, after `first`; then it is restarted. */
  kill(first?: () => Promise<void>): Promise<void>
  /** Suspends it for this long. */
  pause(ms: number): Promise<void>
  /**
   * Stops it as an operator would.
   * @returns the exit code, or what it did instead
   */
  stop(): Promise<number | string>
  /** Kills it for good. */
  end(): Promise<void>
}

export type TargetParts = {
  readonly role: Target['role']
  readonly url: string
  readonly env: Record<string, string>
  readonly tally: Tally
  readonly onLog: (line: string) => void
  readonly onReady: () => void
  /** Called for a process that is killed or suspended, and for one that is resumed. */
  readonly onStruck: (pid: number) => void
  readonly onResumed: (pid: number) => void
  /** Whether the database has been down since then: a start that fails because of that is no fault. */
  readonly wasAwaySince: (at: number) => boolean
}

export const newTarget = ({ tally, wasAwaySince, ...parts }: TargetParts): Target => {
  let key: string | null = null
  let child: ChildProcess | null = null
  let running: Promise<Service> | null = null
  let isReady = false
  let paused = false
  let ended = false
  let ready = Promise.withResolvers<void>()
  let killedAt: number | null = null

  const isAlive = (process: ChildProcess | null): process is ChildProcess =>
    process !== null && process.exitCode === null && process.signalCode === null

  const onReady = (service: Service) => {
    key ??= service.key
    if (killedAt !== null) tally.recoveries.push(performance.now() - killedAt)
    killedAt = null
    isReady = true
    ready.resolve()
    parts.onReady()
  }
  const live = async (): Promise<void> => {
    const begunAt = performance.now()
    const begun = startService(parts.env, { onLog: parts.onLog, onSpawn: (process) => (child = process) })
    running = begun
    try {
      const service = await within(begun, START_WITHIN_MS)
      if (running !== begun) return
      onReady(service)
      const how = await service.ended
      if (running === begun) tally.faults.push(`A service ended by itself (${how})`)
    } catch (error) {
      if (running !== begun) return
      // An operator restarts it while its database is down.
      if (!wasAwaySince(begunAt)) tally.faults.push(error instanceof Error ? error.message : String(error))
      else if (!ended) await live()
    }
  }
  const strike = async (): Promise<void> => {
    const victim = child
    running = null
    child = null
    // Those waiting since before an interrupted start keep waiting.
    if (isReady) ready = Promise.withResolvers<void>()
    isReady = false
    if (!isAlive(victim)) return
    const gone = new Promise((resolve) => victim.once('exit', resolve))
    parts.onStruck(victim.pid ?? 0)
    victim.kill('SIGKILL')
    await gone
  }

  return {
    role: parts.role,
    url: parts.url,
    key: () => key,
    ready: () => ready.promise,
    isUp: () => isReady && !paused,
    isPaused: () => paused,
    begin: () => void live(),
    kill: async (first) => {
      // From here on its end is expected.
      running = null
      tally.kills++
      if (!isReady) tally.killsInStart++
      const from = Date.now()
      await first?.()
      killedAt ??= performance.now()
      await strike()
      tally.blows.push({ from, to: Date.now() })
      if (!ended) void live()
    },
    pause: async (ms) => {
      const victim = child
      if (!isAlive(victim)) return
      const blow = { from: Date.now(), to: Infinity }
      tally.pauses++
      tally.blows.push(blow)
      paused = true
      parts.onStruck(victim.pid ?? 0)
      victim.kill('SIGSTOP')
      await sleep(ms)
      victim.kill('SIGCONT')
      parts.onResumed(victim.pid ?? 0)
      paused = false
      blow.to = Date.now()
    },
    stop: async () => {
      const service = await running
      if (!service) return 'not running'
      running = null
      service.process.kill('SIGTERM')
      return Promise.race([service.ended, patience(STOP_WITHIN_MS).then(() => 'too slow')])
    },
    end: async () => {
      ended = true
      await strike()
    },
  }
}

/** A wait that does not keep the process alive. */
export const patience = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false })

const within = <Value>(promise: Promise<Value>, ms: number): Promise<Value> =>
  Promise.race([
    promise,
    patience(ms).then(() => {
      throw new Error(`The service was not ready after ${ms / 1000} s`)
    }),
  ])
