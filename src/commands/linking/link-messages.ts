import { MATCHER } from '../../domain/linking/match.ts'
import type { BatchOf, MatchBatch } from '../../domain/linking/match-batch.ts'
import {
  NEW_MESSAGES_STREAM,
  newMessages,
  relinking,
  RELINKING_STREAM,
} from '../../domain/linking/matching-progress.ts'
import type { BackProgress, NewProgress, Run } from '../../domain/linking/progress.ts'
import { systemCaller } from '../handle.ts'
import { matchMessages, type MatchDeps } from './match-messages.ts'

type Progress<State> = { readonly state: State; readonly revision: number }

export type LinkMessagesDeps = MatchDeps & {
  readonly nextToMatch: (of: BatchOf) => Promise<MatchBatch>
  readonly progress: () => Promise<{
    new: Progress<NewProgress>
    back: Progress<BackProgress>
    seenAt: string
  }>
  /** Up to where the next run covers what changed behind a position; null if nothing did. */
  readonly endOfNextRun: (after: string | null) => Promise<string | null>
  readonly keysChanged: (after: string | null, upTo: string) => Promise<string[]>
}

const BATCH = 1_000

/**
 * Links new messages, and has changed facts and rules reach back to older ones: a batch of each in turn, so that new mail
 * does not wait. Both are recorded as they go on, and begin after a crash where they were: what is matched again is the same.
 */
export const linkMessages = (deps: LinkMessagesDeps): ((signal: AbortSignal) => Promise<boolean>) => {
  const matchNew = newMessagesMatcher(deps)
  const reachBack = relinker(deps)
  return async (signal) => {
    const moreNew = await matchNew()
    if (signal.aborted) return false
    const moreBack = await reachBack()
    return moreNew || moreBack
  }
}

/** Progress is recorded once so many messages are matched. */
const RECORDED_EVERY = 1_000

const newMessagesMatcher = (deps: LinkMessagesDeps): (() => Promise<boolean>) => {
  const { handle, clock } = deps
  const matchBatch = matchMessages(deps)
  let reached: string | null = null
  let unrecorded = 0
  return async () => {
    const { new: known } = await deps.progress()
    const recorded = known.state.upTo
    const after: string | null =
      reached !== null && (recorded === null || reached > recorded) ? reached : recorded
    const batch = await deps.nextToMatch({ after, upTo: null, keys: null, limit: BATCH })
    const last = batch.messages.at(-1)
    if (!last) return false
    await matchBatch(batch)
    reached = last.position
    unrecorded += batch.messages.length
    if (unrecorded >= RECORDED_EVERY) {
      const caller = systemCaller('linking', clock, NEW_MESSAGES_STREAM)
      await handle(newMessages, NEW_MESSAGES_STREAM, { upTo: reached }, caller, {
        known: { ...known, position: null },
      })
      unrecorded = 0
    }
    return batch.messages.length === BATCH
  }
}

const relinker = (deps: LinkMessagesDeps): (() => Promise<boolean>) => {
  const { handle, clock } = deps
  const matchBatch = matchMessages(deps)
  const record = async (what: 'progress' | 'finish', run: Run, known: Progress<BackProgress>) => {
    const caller = systemCaller('linking', clock, RELINKING_STREAM)
    const options = { known: { ...known, position: null } }
    return handle(relinking, RELINKING_STREAM, { do: what, run }, caller, options)
  }
  let ahead: Progress<BackProgress> | null = null
  return async () => {
    const { back: read, seenAt } = await deps.progress()
    const known: Progress<BackProgress> = ahead !== null && ahead.revision >= read.revision ? ahead : read
    const run = known.state.run ?? (await nextRun(deps, known.state, seenAt))
    if (!run) return false
    const keys = hasNewRules(known.state) ? null : await deps.keysChanged(known.state.upTo, run.upTo)
    const batch = await deps.nextToMatch({ after: run.after, upTo: run.upTo, keys, limit: BATCH })
    const next: Run = {
      ...run,
      after: batch.messages.at(-1)?.position ?? run.after,
      examined: run.examined + batch.messages.length,
      changed: run.changed + (await matchBatch(batch)),
    }
    // Most changes concern no message: those are not worth an event, and are looked at again after a restart.
    if (next.examined === 0 && (keys?.length ?? 0) < WORTH_RECORDING)
      ahead = { state: { upTo: run.upTo, matcher: MATCHER, run: null }, revision: known.revision }
    else ahead = await record(batch.messages.length === BATCH ? 'progress' : 'finish', next, known)
    return true
  }
}

const WORTH_RECORDING = 200

const hasNewRules = ({ matcher }: BackProgress): boolean => matcher !== null && matcher !== MATCHER

/** What reaches back next, if anything: changes that nobody has followed up, or other rules than those of before. */
const nextRun = async (
  { endOfNextRun, clock }: LinkMessagesDeps,
  before: BackProgress,
  seenAt: string,
): Promise<Run | null> => {
  const end = hasNewRules(before) ? seenAt : await endOfNextRun(before.upTo)
  return end === null
    ? null
    : {
        upTo: end,
        after: null,
        examined: 0,
        changed: 0,
        matcher: MATCHER,
        startedAt: clock().toISOString(),
      }
}
