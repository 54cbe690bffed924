import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { StruckStore } from './event-store.ts'
import { patience, type Tally, type Target } from './target.ts'

const WARM_WITHIN_MS = 60_000
/** Longer than a lease lasts: before that nothing is done that a kill could interrupt. */
const MOMENT_WITHIN_MS = 12_000
const READY_WITHIN_MS = 120_000
/** A lease lasts nine seconds. */
const PAUSE_MS = { least: 10_000, most: 20_000 }

export type BombardParts = {
  readonly targets: readonly Target[]
  readonly tally: Tally
  readonly chance: Chance
  readonly kills: number
  readonly pauses: number
  readonly databaseKills: number
  readonly eventStoreStrikes: number
  readonly eventStore: StruckStore | null
  /** No process that answers the API is killed. */
  readonly onlyWorkers: boolean
  /** Resolved when there is work to interrupt; nothing is hit before. */
  readonly warm: Promise<void>
  /** The next moment that is worth a kill. */
  readonly moment: () => Promise<void>
  /** Kills the database; one that a service brings is restarted by the service, a shared one by us. */
  readonly killDatabase: () => Promise<void>
  readonly noMore: AbortSignal
  readonly interrupted: AbortSignal
}

/**
 * Starts all processes at once, and when there is work to interrupt, kills and pauses in random order, each time a
 * random process. A quarter of the kills happen during a start, half of them just after a `moment`, the others at any
 * time within two seconds. In the end all are ready.
 */
export const bombard = async (parts: BombardParts): Promise<void> => {
  const { targets, tally, chance, noMore, warm } = parts
  for (const target of targets) target.begin()
  await untilReady(parts, targets)
  let kills = parts.kills
  // With a single process, the first kill comes during setup; with several, the others would wait for its leases.
  if (targets.length === 1 && kills > 0) {
    await kill(parts)
    kills--
  }
  await Promise.race([warm, patience(WARM_WITHIN_MS), aborted(noMore)])
  let pausing: Promise<void> = Promise.resolve()
  let striking: Promise<void> = Promise.resolve()
  const blows = {
    kill: () => kill(parts),
    // One at a time, while the others are hit as usual.
    pause: async () => {
      await pausing
      pausing = pause(parts)
    },
    'event store': async () => {
      await striking
      striking = strikeEventStore(parts)
    },
    database: async () => {
      tally.databaseKills++
      if (targets.length > 1) return parts.killDatabase()
      // Its own database dies with it.
      await targets[0]!.kill(async () => {
        await parts.killDatabase()
        await sleep(chance.between(0, 200))
      })
    },
  }
  const order = shuffled(chance, [
    ...Array<'kill'>(kills).fill('kill'),
    ...Array<'pause'>(parts.pauses).fill('pause'),
    ...Array<'database'>(parts.databaseKills).fill('database'),
    ...Array<'event store'>(parts.eventStoreStrikes).fill('event store'),
  ])
  for (const blow of order) {
    if (noMore.aborted || tally.faults.length > 0) break
    await blows[blow]()
  }
  await Promise.all([pausing, striking])
  await untilReady({ tally, noMore: parts.interrupted }, targets)
}

const kill = async (parts: BombardParts): Promise<void> => {
  const { chance, noMore, onlyWorkers } = parts
  const targets = parts.targets.filter(({ role }) => !onlyWorkers || role === 'worker')
  const kind = chance.pick(['start', 'moment', 'moment', 'any time'] as const)
  const starting = targets.filter((target) => !target.isUp() && !target.isPaused())
  if (kind === 'start' && starting.length > 0) {
    const target = chance.pick(starting)
    await sleep(chance.between(0, 1500))
    return target.kill()
  }
  const up = targets.filter((each) => each.isUp())
  const awake = up.length > 0 ? up : targets.filter((each) => !each.isPaused())
  // Where all are paused, the one that is hit has to wake first.
  const target = chance.pick(awake.length > 0 ? awake : targets)
  await untilReady(parts, [target])
  if (kind === 'moment') {
    await Promise.race([parts.moment(), patience(MOMENT_WITHIN_MS), aborted(noMore)])
    await sleep(chance.between(0, 100))
  } else await sleep(chance.between(50, 2000))
  await target.kill()
}

/** Suspends a process for longer than its leases last: two times in three a worker, if there are any. */
const pause = async (parts: BombardParts): Promise<void> => {
  const { chance, targets } = parts
  const workers = targets.filter(({ role }) => role === 'worker')
  const target = chance.pick(workers.length > 0 && !chance.oneIn(3) ? workers : targets)
  const ms = chance.between(PAUSE_MS.least, PAUSE_MS.most)
  await untilReady(parts, [target])
  await target.pause(ms)
}

/** What was interrupted by it may be noticed this much later: leases that could not be released, work given up. */
const AFTERMATH_MS = 10_000

const strikeEventStore = async ({ chance, tally, eventStore }: BombardParts): Promise<void> => {
  if (eventStore === null) return
  const kind = chance.pick(eventStore.strikes)
  await sleep(chance.between(0, 2000))
  const blow = { from: Date.now(), to: Infinity }
  tally.eventStoreStrikes.push(kind)
  tally.blows.push(blow)
  await eventStore.strike(kind)
  blow.to = Date.now() + AFTERMATH_MS
}

const untilReady = async (
  { tally, noMore }: Pick<BombardParts, 'tally' | 'noMore'>,
  targets: readonly Target[],
): Promise<void> => {
  const ready = Promise.all(targets.map((target) => target.ready())).then(() => 'ready')
  const end = await Promise.race([ready, patience(READY_WITHIN_MS), aborted(noMore)])
  if (end !== 'ready' && !noMore.aborted && tally.faults.length === 0)
    tally.faults.push(`A service was not ready within ${READY_WITHIN_MS / 1000} s`)
}

/** Fisher and Yates. */
const shuffled = <Item>(chance: Chance, items: readonly Item[]): Item[] => {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = chance.between(0, last)
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
