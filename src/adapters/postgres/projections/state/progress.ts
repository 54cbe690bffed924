import type { Pool } from 'pg'
import type { EventStore } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import type { AnyProjection } from '../../../../projections/projection.ts'
import { notifier, type Notifier } from '../../../../std/notifier.ts'
import { checkpointKey, readCheckpoints } from './checkpoints.ts'

/** Why a projection has stopped; it is retried with backoff. `event` is the one it cannot get past. */
export type ProjectionError = {
  readonly message: string
  readonly event: { readonly id: string; readonly type: string; readonly position: Position } | null
  readonly since: string
  readonly attempts: number
}

/** The checkpoint as this process claimed it and last saved it; `end` ends the work under it. */
export type Claim = {
  readonly generation: number
  saved: Position | null
  readonly end: AbortController
}

/** How far one projection is, as far as this process knows. */
export type Progress = {
  readonly key: string
  /** All events up to here are folded or parked; undefined until this process has run the projection. */
  reached: Position | null | undefined
  running: boolean
  claim: Claim | null
  error: ProjectionError | null
  /** The generation of the lease under which parked events were last retried. */
  healedUnder: number | null
  readonly listeners: Set<(position: Position) => void>
  readonly advanced: Notifier
}

/** How often a wait checks the progress of other processes. */
const POLL_MS = 20

/** For a projection that this process has not run yet. */
export const newProgress = (projection: AnyProjection): Progress => ({
  key: checkpointKey(projection),
  reached: undefined,
  running: false,
  claim: null,
  error: null,
  healedUnder: null,
  listeners: new Set(),
  advanced: notifier(),
})

/** Records progress and wakes waiters. If `changed`, listeners are told that tables changed. */
export const advance = (progress: Progress, position: Position, changed: boolean): void => {
  progress.reached = position
  if (progress.error && (progress.error.event?.position ?? position) <= position) progress.error = null
  progress.advanced.notify()
  if (changed) tell(progress, position)
}

/** Tells listeners that tables changed. */
export const tell = ({ listeners }: Progress, position: Position): void => {
  for (const listener of listeners) listener(position)
}

/** Checkpoints of all processes; concurrent callers share one statement. */
export const checkpointReader = (pool: Pool): (() => Promise<Map<string, Position | null>>) => {
  let reading: Promise<Map<string, Position | null>> | null = null
  return () =>
    (reading ??= readCheckpoints(pool).finally(() => {
      reading = null
    }))
}

/**
 * How far a projection is that another process runs. While it gets no events, its checkpoint is saved only
 * occasionally: if none of its events lie between the checkpoint and a position, it has passed that position.
 */
export const progressElsewhere = (
  store: Pick<EventStore, 'readAll'>,
  projection: AnyProjection,
  checkpoints: () => Promise<Map<string, Position | null>>,
) => {
  const filter = { types: projection.events.map(({ type }) => type) }
  return {
    saved: async () => (await checkpoints()).get(checkpointKey(projection)),
    hasNothingUntil: async (after: Position | null, position: string): Promise<boolean> => {
      const page = await store.readAll({ after, limit: 1, filter })
      const [next] = page.events
      return next ? next.position > position : page.position >= position
    },
  }
}

/**
 * True once all events up to `position` are in the tables, whichever process folded them; false at the limit. `hurry`
 * is called repeatedly until then.
 */
export const waitForProgress = async (
  progress: Progress,
  position: string,
  limit: AbortSignal | number,
  elsewhere: ReturnType<typeof progressElsewhere>,
  hurry: () => void,
): Promise<boolean> => {
  const signal = typeof limit === 'number' ? AbortSignal.timeout(limit) : limit
  const passed = (reached: Position | null | undefined) => Boolean(reached) && reached! >= position
  let looked: Position | null | undefined
  for (;;) {
    const seen = progress.advanced.count()
    if (passed(progress.reached)) return true
    const saved = progress.running ? undefined : await elsewhere.saved()
    if (passed(saved)) return true
    if (saved !== undefined && saved !== looked && (await elsewhere.hasNothingUntil(saved, position)))
      return true
    looked = saved
    if (signal.aborted) return false
    hurry()
    await progress.advanced.wait(seen, { ms: POLL_MS, signal })
  }
}
