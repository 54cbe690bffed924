import { requireLevel } from '../../domain/accounts/access-rights.ts'
import type { ExcludePattern } from '../../domain/accounts/events.ts'
import { hidingOf, type Hideable, type Hiding } from '../../domain/sync/hiding.ts'
import {
  patternRuns,
  patternsStream,
  type PatternRun,
  type PatternRuns,
} from '../../domain/sync/pattern-run.ts'
import { presence, presenceStream } from '../../domain/sync/presence.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { systemCaller, userOf, type Caller, type Handled } from '../handle.ts'
import { restAfterFailure } from '../to-do-work.ts'
import { metBy, type FindMetDeps } from './find-met.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'

/** Messages are looked at, and progress is recorded, so many at a time. */
const BATCH = 1_000
const AT_ONCE = 64
const ACCOUNTS_AT_ONCE = 10

type ToJudge = Hideable & { readonly id: string }

export type PatternDeps = FindMetDeps &
  Pick<SyncDeps, 'handle' | 'clock' | 'leases'> & {
    /** A page of an account's messages that patterns may hide, in the order of their ids. */
    readonly hideableMessages: (
      accountId: string,
      after: string | null,
      limit: number,
    ) => Promise<readonly ToJudge[]>
    readonly countToFetch: (accountId: string, patterns: readonly ExcludePattern[]) => Promise<number>
    readonly patternsToApply: (limit: number, without: readonly string[]) => Promise<readonly string[]>
    /** Waits until the read models that this works on know everything in the log so far; false if that takes too long. */
    readonly caughtUp: () => Promise<boolean>
  }

/** @throws NotFound if this caller may not use it */
export const accountOf = async (
  { findAccount }: Pick<PatternDeps, 'findAccount'>,
  caller: Caller,
  accountId: string,
): Promise<SyncAccount> => {
  const account = await findAccount(accountId)
  return requireLevel(account, userOf(caller), 'full', ['email account', accountId])
}

/** Asks for the exclude patterns that an account has now to be applied to what is here already. */
export const requestPatternRun =
  (deps: PatternDeps) =>
  async (caller: Caller, accountId: string): Promise<Handled<PatternRuns>> => {
    const { settings } = await accountOf(deps, caller, accountId)
    const command = { do: 'request', accountId, patterns: settings.excludePatterns } as const
    return deps.handle(patternRuns, patternsStream(accountId), command, caller, { insist: true })
  }

/**
 * Applies exclude patterns to what is here: a batch of each account in turn. Progress is recorded, and what a crash
 * leaves undone is done again, which changes nothing. An account that cannot be worked on now is left alone for a while.
 */
export const applyPatterns = (deps: PatternDeps): ((signal: AbortSignal) => Promise<boolean>) => {
  const resting = restAfterFailure({ first: 1_000, most: 10_000 })
  return async (signal) => {
    let isMore = false
    const accounts = await deps.patternsToApply(ACCOUNTS_AT_ONCE, resting.resting())
    for (const accountId of accounts) {
      if (signal.aborted) return false
      const result = await applyBatch(deps, accountId, signal)
      resting[result === 'later' ? 'failed' : 'succeeded'](accountId)
      if (result === 'more') isMore = true
    }
    return isMore
  }
}

type Worked = 'more' | 'done' | 'later'

const applyBatch = async (deps: PatternDeps, accountId: string, signal: AbortSignal): Promise<Worked> => {
  const { state, ...known } = await deps.load(patternRuns, patternsStream(accountId))
  const { run } = state
  const account = await deps.findAccount(accountId)
  // The list lags behind.
  if (!run || !account) return 'done'
  if (run.after === null && !(await noOlderSync(deps, accountId, signal))) return 'later'
  const batch = await deps.hideableMessages(accountId, run.after, BATCH)
  const changes = await inParallel(batch, AT_ONCE, (message) => judge(deps, account, run, message))
  const after = batch.at(-1)?.id ?? run.after
  const changed = (what: Hiding['change']) => changes.filter((change) => change === what).length
  const counts = {
    accountId,
    number: run.number,
    examined: run.examined + batch.length,
    hidden: run.hidden + changed('hide'),
    shown: run.shown + changed('show'),
  }
  const command =
    after === null || batch.length < BATCH
      ? ({ do: 'finish', ...counts, toFetch: await deps.countToFetch(accountId, run.patterns) } as const)
      : ({ do: 'progress', ...counts, after } as const)
  const caller = systemCaller('patterns', deps.clock, accountId)
  await deps.handle(patternRuns, patternsStream(accountId), command, caller, { known: { state, ...known } })
  return command.do === 'finish' ? 'done' : 'more'
}

/**
 * Makes sure that no sync run stores by other patterns any more what this one has looked at: one that began with them
 * has ended once its lease was free.
 */
const noOlderSync = async (deps: PatternDeps, accountId: string, signal: AbortSignal): Promise<boolean> => {
  const lease = await deps.leases.acquire(`sync-${accountId}`, signal)
  if (!lease) return false
  await lease.release()
  return deps.caughtUp()
}

const judge = async (
  deps: PatternDeps,
  { address }: SyncAccount,
  { patterns }: PatternRun,
  message: ToJudge,
): Promise<Hiding['change']> => {
  const hiding = hidingOf(message, address, patterns)
  const met = hiding && (await metBy(deps, message.id))
  if (!hiding || !met) return null
  const command = { do: 'follow-patterns', of: met, pattern: hiding.pattern, byHand: false } as const
  const caller = systemCaller('patterns', deps.clock, message.id)
  await deps.handle(presence, presenceStream(message.id), command, caller, { insist: true })
  return hiding.change
}
