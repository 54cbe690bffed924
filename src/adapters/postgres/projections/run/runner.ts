import type { Pool } from 'pg'
import { ForeignPosition, type EventStore } from '../../../../commands/ports/event-log.ts'
import type { Lease, Leases } from '../../../../commands/ports/leases.ts'
import type { Position } from '../../../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { turns } from '../../../../std/in-parallel.ts'
import { pause } from '../../../../std/pause.ts'
import { readModelTables } from '../fold/tables.ts'
import { CheckpointLost } from '../state/checkpoints.ts'
import { listParked, type ParkedStream } from '../state/parked.ts'
import { checkpointReader, newProgress, progressElsewhere, tell, waitForProgress } from '../state/progress.ts'
import { readStatus, type ProjectionStatus } from '../state/status.ts'
import { ProjectionStopped, type Batch } from './apply.ts'
import { follow, type Follower } from './follow.ts'
import { retryParked, skipParked, type Retried, type Skip, type Skipped } from './retry.ts'
import { sharedLog } from './shared-log.ts'
import { watchClaims } from './watch-claims.ts'

/** For what an operator must know; compatible with a pino logger. */
type RunnerLog = {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type ProjectionRunner = {
  /** Runs every projection that no other process runs, until the signal aborts; resolves when all have stopped. */
  start(signal: AbortSignal): Promise<void>
  /**
   * True once the projection has read up to `position`, here or in another process, parked events included; false when
   * the limit (in milliseconds) has passed or the signal aborts.
   * @throws ForeignPosition
   */
  waitFor(name: string, position: string, limit: AbortSignal | number): Promise<boolean>
  status(): Promise<ProjectionStatus[]>
  /**
   * Reports each commit to the tables made by this process.
   * @returns a function that unsubscribes
   */
  onAdvanced(name: string, listener: (position: Position) => void): () => void
  /** Parked streams, by name; null if there is no such projection. */
  parked(name: string, after: string | null, limit: number): Promise<ParkedStream[] | null>
  /** Retries the parked events of a stream, in order; null if there are none. */
  retry(name: string, stream: string): Promise<Retried | null>
  /** Skips the first parked event of a stream and retries the rest; 'other' if that is not the given one. */
  skip(name: string, stream: string, skip: Skip): Promise<Skipped | 'other' | null>
}

export type RunnerDeps = {
  readonly store: EventStore
  readonly pool: Pool
  readonly leases: Leases
  readonly projections: readonly AnyProjection[]
  readonly log: RunnerLog
  /** Maximum number of events in one transaction. */
  readonly pageSize?: number
  /** How many projections write at the same time, so that catching up leaves connections to others. */
  readonly writers?: number
  readonly retryMs?: { readonly first: number; readonly most: number }
  /** Called for each attempt to fold events, for metrics. */
  readonly onBatch?: (batch: Batch) => void
}

type Runner = Follower & Required<Pick<RunnerDeps, 'leases' | 'log' | 'retryMs'>>

const HELD_ELSEWHERE_MS = 1_000

/** Keeps read models up to date with the log; each is run by the one process that holds its lease. */
export const projectionRunner = ({
  projections,
  pageSize = 1_000,
  writers = 4,
  ...deps
}: RunnerDeps): ProjectionRunner => {
  const turn = turns(writers)
  const types = new Set(projections.flatMap(({ events }) => events.map(({ type }) => type)))
  const shared = sharedLog(deps.store, [...types], pageSize)
  const runners = new Map<string, Runner>(
    projections.map((projection) => [
      projection.name,
      {
        retryMs: { first: 200, most: 60_000 },
        ...deps,
        projection,
        shared,
        turn,
        tables: readModelTables(schemaOf(projection), projection.tables, true),
        progress: newProgress(projection),
      },
    ]),
  )
  if (runners.size < projections.length) throw new TypeError('Two projections have the same name')
  const checkpoints = checkpointReader(deps.pool)
  const runnerOf = (name: string): Runner => {
    const runner = runners.get(name)
    if (!runner) throw new TypeError(`There is no projection ${name}`)
    return runner
  }
  const operate = async <Result>(name: string, work: (runner: Runner) => Promise<Result>) => {
    const runner = runners.get(name)
    if (!runner) return null
    const result = await runner.turn(() => work(runner))
    if (runner.progress.reached) tell(runner.progress, runner.progress.reached)
    return result
  }
  return {
    start: async (signal) => {
      const all = [...runners.values()]
      const progresses = all.map(({ progress }) => progress)
      await Promise.all([
        watchClaims(deps.pool, progresses, signal),
        ...all.map((runner) => keepRunning(runner, signal)),
      ])
    },
    waitFor: async (name, position, limit) => {
      if (!deps.store.isPosition(position)) throw new ForeignPosition()
      const { progress, projection } = runnerOf(name)
      const elsewhere = progressElsewhere(deps.store, projection, checkpoints)
      return waitForProgress(progress, position, limit, elsewhere, shared.hurry)
    },
    status: () => readStatus(deps, [...runners.values()], checkpoints),
    onAdvanced: (name, listener) => {
      const { listeners } = runnerOf(name).progress
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    parked: async (name, after, limit) => {
      const runner = runners.get(name)
      return runner ? listParked(deps.pool, runner.projection, after, limit) : null
    },
    retry: (name, stream) => operate(name, (runner) => retryParked(runner, stream)),
    skip: (name, stream, skip) => operate(name, (runner) => skipParked(runner, stream, skip)),
  }
}

const keepRunning = async (runner: Runner, stop: AbortSignal): Promise<void> => {
  const { leases, progress } = runner
  while (!stop.aborted)
    try {
      const lease = await leases.acquire(`projection:${progress.key}`, stop)
      if (lease) await runUnder(lease, runner, stop)
      else {
        progress.error = null
        await pause(HELD_ELSEWHERE_MS, stop)
      }
    } catch (error) {
      await report(runner, error, stop)
    }
}

/** Follows the log, restarting from the checkpoint after an error, until the lease is lost or `stop` aborts. */
const runUnder = async (lease: Lease, runner: Runner, stop: AbortSignal): Promise<void> => {
  const { progress, projection, log } = runner
  const signal = AbortSignal.any([lease.signal, stop])
  progress.running = true
  try {
    while (!signal.aborted)
      try {
        await follow(runner, lease.generation, signal)
      } catch (error) {
        if (error instanceof CheckpointLost) {
          // Only the checkpoint now tells how far the tables are: they may be empty.
          progress.reached = undefined
          log.info(
            { projection: projection.name },
            'Another process has taken over this projection, or reset it',
          )
          return
        }
        await report(runner, error, signal)
      }
  } finally {
    progress.running = false
    await lease.release()
  }
}

/** Reports an error and waits before the next attempt: exponential backoff with jitter. */
const report = async (
  { projection, progress, log, retryMs }: Runner,
  error: unknown,
  stop: AbortSignal,
): Promise<void> => {
  if (stop.aborted) return
  const event = error instanceof ProjectionStopped ? error.event : null
  const attempts = (progress.error?.attempts ?? 0) + 1
  progress.error = {
    message: error instanceof Error ? error.message : 'A value that is not an Error was thrown',
    event: event && { id: event.id, type: event.type, position: event.position },
    since: progress.error?.since ?? new Date().toISOString(),
    attempts,
  }
  const pauseMs = Math.min(retryMs.first * 2 ** (attempts - 1), retryMs.most) * (0.5 + Math.random() / 2)
  log.error({ projection: projection.name, ...progress.error, pauseMs }, 'A projection has stopped')
  await pause(pauseMs, stop)
}
