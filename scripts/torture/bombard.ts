import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import { patience, type Tally, type Target } from './target.ts'

const WARM_WITHIN_MS = 60_000
const MOMENT_WITHIN_MS = 4000
/** Past the term of a lease, now and then. */
const LONGEST_PAUSE_MS = 20_000

export type BombardParts = {
  readonly target: Target
  readonly tally: Tally
  readonly chance: Chance
  readonly kills: number
  /** Resolved when there is work to be met at: in the round `warmIn` it is left alone until then. */
  readonly warm: Promise<void>
  readonly warmIn: number
  /** The next moment that is worth a kill. */
  readonly moment: () => Promise<void>
  /** Kills the database under it. @returns false where there is none to kill */
  readonly killDatabase: () => boolean
  /** Others go on meanwhile, so it may be stopped for longer than its leases last. */
  readonly mayPause: boolean
  readonly onReady: () => void
  readonly noMore: AbortSignal
  readonly interrupted: AbortSignal
}

/**
 * Starts a service, kills it and starts it again, so often or until there shall be no more; in the end it is ready. Early
 * on it is left alone until it is warm, so that the later kills meet it at work. A quarter of the kills come in a
 * start, a quarter just behind a `moment`, the others at any time within two seconds; one of eight hits the database first.
 */
export const bombard = async (parts: BombardParts): Promise<void> => {
  const { target, tally, chance, noMore, warm, onReady } = parts
  let startMs = 1000
  try {
    for (let round = 0; round < parts.kills && !noMore.aborted; round++) {
      const begunAt = performance.now()
      const begun = target.start()
      const onStarted = () => {
        startMs = performance.now() - begunAt
        onReady()
      }
      begun.then(onStarted, () => {})
      if (round === parts.warmIn)
        await Promise.race([begun.then(() => warm), patience(WARM_WITHIN_MS), aborted(noMore)])
      if (!(await live(parts, begun, startMs, round))) tally.killsInStart++
      if (noMore.aborted) break
      if (round > 1 && chance.oneIn(8) && parts.killDatabase()) {
        tally.databaseKills++
        await sleep(chance.between(0, 200))
      }
      await target.kill()
    }
    if (!target.isStarted() && !parts.interrupted.aborted) await target.start()
  } catch (error) {
    tally.faults.push(error instanceof Error ? error.message : String(error))
  }
}

/** Lets it live until the time chosen for its death. @returns whether it was ready by then */
const live = async (
  { target, chance, moment, mayPause }: BombardParts,
  begun: ReturnType<Target['start']>,
  startMs: number,
  round: number,
): Promise<boolean> => {
  // The key is shown by the first start alone, once.
  const kind = round < 2 ? 'any time' : chance.pick(['start', 'moment', 'any time', 'any time'] as const)
  if (kind === 'start') {
    const began = begun.then(() => true)
    began.catch(() => {})
    return Promise.race([began, sleep(chance.between(0, Math.ceil(startMs)), false)])
  }
  const service = await begun
  if (kind === 'moment') await Promise.race([moment(), patience(MOMENT_WITHIN_MS)])
  if (mayPause && chance.oneIn(8)) await target.pause(chance.between(500, LONGEST_PAUSE_MS))
  const lifeMs = kind === 'moment' ? chance.between(0, 100) : chance.between(50, 2000)
  const ended = await Promise.race([service.ended, sleep(lifeMs)])
  if (ended !== undefined) throw new Error(`The service ended by itself (${ended})`)
  return true
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
