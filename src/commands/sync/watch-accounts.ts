import { pause } from '../../std/pause.ts'
import type { Leases } from '../ports/leases.ts'
import { MailUnavailable, type WatchMailbox } from '../ports/mail-provider.ts'
import { restAfterFailure, underLease } from '../to-do-work.ts'
import type { Hints } from './hints.ts'

/** An account whose mailbox may be watched; a different `version` means that it is reached differently. */
type Watchable = { readonly accountId: string; readonly version: number }
type Watch = { readonly version: number; readonly stop: AbortController; readonly ended: Promise<void> }

/** Each watch is an open connection. */
const MOST_WATCHED = 100
const LOOK_AT = 100
const LOOK_EVERY_MS = 10_000
/** A mailbox watched by another process is checked again this often, in case that process is gone. */
const ELSEWHERE_MS = 60_000
/** After a watch of this length, the next one starts after the shortest pause again. */
const LASTED_MS = 10 * 60_000

export type WatchDeps = {
  readonly leases: Leases
  readonly hints: Hints
  readonly watchMailbox: WatchMailbox
  /** Accounts after `after`, ordered by id. */
  readonly watchable: (after: string | null, limit: number) => Promise<readonly Watchable[]>
  /** Those of these accounts that may still be watched. */
  readonly stillWatchable: (accountIds: readonly string[]) => Promise<readonly Watchable[]>
  readonly onError: (error: unknown) => void
  /** How long a mailbox rests, at first and at most, after its watch has ended. */
  readonly restMs?: { readonly first: number; readonly most: number }
  readonly lookEveryMs?: number
}

/**
 * Watches the mailboxes of active accounts, each under a lease and up to the limit of a process, and passes on their
 * hints. A watch that ends or fails is started again after a growing pause. Ends when `signal` aborts, once all watches
 * have ended.
 */
export const watchAccounts =
  (deps: WatchDeps) =>
  async (signal: AbortSignal): Promise<void> => {
    const watches = new Map<string, Watch>()
    const watch = watchOf(deps)
    let after: string | null = null
    const begin = ({ accountId, version }: Watchable): void => {
      const stop = new AbortController()
      const ended = watch(accountId, AbortSignal.any([signal, stop.signal])).finally(() =>
        watches.delete(accountId),
      )
      watches.set(accountId, { version, stop, ended })
    }
    const look = async (): Promise<void> => {
      const known = [...watches.keys()]
      const still = new Map((await deps.stillWatchable(known)).map((each) => [each.accountId, each.version]))
      for (const [accountId, { version, stop }] of watches) if (still.get(accountId) !== version) stop.abort()
      if (watches.size >= MOST_WATCHED) return
      const page = await deps.watchable(after, LOOK_AT)
      after = page.length < LOOK_AT ? null : (page.at(-1)?.accountId ?? null)
      for (const account of page)
        if (watches.size < MOST_WATCHED && !watches.has(account.accountId) && !watch.isResting(account))
          begin(account)
    }
    while (!signal.aborted) {
      await look().catch(deps.onError)
      await pause(deps.lookEveryMs ?? LOOK_EVERY_MS, signal)
    }
    await Promise.all([...watches.values()].map(({ ended }) => ended))
  }

/** One watch, from taking its lease to its end; a failure only makes the account rest. */
const watchOf = ({ leases, hints, watchMailbox, onError, restMs }: WatchDeps) => {
  const ended = restAfterFailure(restMs ?? { first: 15_000, most: 30 * 60_000 })
  const elsewhere = restAfterFailure({ first: ELSEWHERE_MS, most: ELSEWHERE_MS })
  const watch = async (accountId: string, signal: AbortSignal): Promise<void> => {
    const since = performance.now()
    try {
      const lease = await leases.acquire(`watch-${accountId}`, signal)
      if (!lease) return elsewhere.failed(accountId)
      await underLease(lease, signal, (stop) => watchMailbox(accountId, () => hints.add(accountId), stop))
    } catch (error) {
      // The next sync run records what is wrong with the mailbox.
      if (!signal.aborted && !(error instanceof MailUnavailable)) onError(error)
    }
    if (signal.aborted || performance.now() - since > LASTED_MS) ended.succeeded(accountId)
    if (!signal.aborted) ended.failed(accountId)
  }
  const isResting = ({ accountId }: Watchable) => ended.isResting(accountId) || elsewhere.isResting(accountId)
  return Object.assign(watch, { isResting })
}
