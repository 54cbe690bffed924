import type { EventStore } from '../../../../commands/ports/event-log.ts'
import { transaction } from '../../../../std/transaction.ts'
import { CheckpointRefused, claimCheckpoint, endOf } from '../state/checkpoints.ts'
import { parkedStreams, skippedOf } from '../state/parked.ts'
import { advance, tell, type Claim } from '../state/progress.ts'
import { applyEvents, type ApplyDeps } from './apply.ts'
import { readAhead } from './read-ahead.ts'
import { retryParked } from './retry.ts'
import type { SharedLog } from './shared-log.ts'

export type Follower = ApplyDeps & { readonly store: EventStore; readonly shared: SharedLog }

const SAVE_IDLE_MS = 500

/**
 * Claims the checkpoint and folds page after page from there, until `signal` aborts. Parked events are retried once per
 * lease, since the code may have changed.
 * @throws CheckpointRefused, CheckpointLost, ProjectionStopped, errors of the store and the database
 */
export const follow = async (follower: Follower, generation: number, signal: AbortSignal): Promise<void> => {
  const { store, shared, pool, projection, progress } = follower
  const claim = async () => {
    const log = { storeId: await store.storeId(), head: await endOf(store) }
    const position = await transaction(pool, 'begin', (client) =>
      claimCheckpoint(client, projection, log, generation),
    )
    return { position, log }
  }
  // A previous owner may have gone beyond the head that was read: read it again before reporting an error.
  const claimed = await claim().catch((error: unknown) => {
    if (error instanceof CheckpointRefused) return claim()
    throw error
  })
  const { log, position: saved } = claimed
  const held: Claim = { generation, saved, end: new AbortController() }
  progress.reached = saved
  if (saved === log.head) progress.error = null
  if (progress.healedUnder !== generation) await heal(follower, signal)
  progress.healedUnder = generation

  // Relevant only to tables that are filled from the start again.
  const skipped = await skippedOf(pool, projection)
  const pages = readAhead(
    shared.subscribe({
      after: saved,
      types: new Set(projection.events.map(({ type }) => type)),
      signal: AbortSignal.any([signal, held.end.signal]),
    }),
  )
  let idleSince: number | null = null
  progress.claim = held
  try {
    for (;;) {
      // While the log has no events for this projection, the checkpoint is saved only occasionally.
      const page = await pages.next(idleSince === null ? null : idleSince + SAVE_IDLE_MS - performance.now())
      if (page === 'ended') {
        held.end.signal.throwIfAborted()
        return
      }
      if (page === 'not yet') {
        held.saved = await applyEvents(follower, [], {
          from: held.saved,
          to: progress.reached!,
          generation,
        })
        idleSince = null
        continue
      }
      const events = skipped.size === 0 ? page.events : page.events.filter(({ id }) => !skipped.has(id))
      if (events.length === 0) {
        idleSince ??= performance.now()
        advance(progress, page.position, false)
      } else {
        held.saved = await applyEvents(follower, events, {
          from: held.saved,
          to: page.position,
          generation,
        })
        idleSince = null
        advance(progress, held.saved, true)
      }
    }
  } finally {
    progress.claim = null
    held.end.abort()
    await pages.close()
  }
}

/** Retries parked events; a failure here stops nothing. */
const heal = async (follower: Follower, signal: AbortSignal): Promise<void> => {
  const { pool, projection, progress, log, turn } = follower
  for (const stream of await parkedStreams(pool, projection)) {
    if (signal.aborted) return
    const retried = await turn(() => retryParked(follower, stream)).catch((error: unknown) => {
      const fault = error instanceof Error ? error.message : 'A value that is not an Error was thrown'
      log.error({ projection: projection.name, stream, fault }, 'A parked stream could not be retried')
    })
    if (retried?.folded) tell(progress, progress.reached!)
  }
}
