import type { FolderCounts, RunExclusion, RunFailure, Placement } from '../../domain/sync/events.ts'
import type { KnownPlacement } from '../../domain/sync/plan.ts'
import type { Caller } from '../handle.ts'
import type { FetchedMessage, MailboxSession } from '../ports/mail-provider.ts'
import type { KnownMail, SyncAccount } from './ports.ts'
import { becameOf, storeMessage, type Stored, type StoreDeps } from './store-message.ts'

/** At most so many messages, and roughly so many bytes of them, are read and stored at once. */
const IN_FLIGHT = 64
const IN_FLIGHT_BYTES = 32 * 1024 * 1024

export type Folder = Omit<Placement, 'uid'>

/** What became of a stretch. `missed` were not handed out, and lie there still; `settled` are dealt with or gone. */
export type StretchResult = {
  readonly counts: FolderCounts
  readonly failures: RunFailure[]
  readonly exclusions: RunExclusion[]
  readonly missed: number[]
  readonly settled: number[]
}

const NOT_HANDED_OUT = 'The mail server lists the message and does not hand it out'

/**
 * Reads messages of the opened folder and stores them: while the server hands out one, those before it are parsed and
 * stored. Returns when all of that is durable, or throws after it has come to rest.
 */
export const readStretch =
  (deps: StoreDeps & { readonly known: KnownMail }) =>
  async (
    caller: Caller,
    { account, session, folder }: { account: SyncAccount; session: MailboxSession; folder: Folder },
    uids: readonly number[],
    attemptsOf: (uid: number) => number,
    signal: AbortSignal,
  ): Promise<StretchResult> => {
    const became = new Map<number, Stored>()
    const known = await deps.known.among({ accountId: account.accountId, ...folder }, uids)
    for (const place of known) became.set(place.uid, await becameOfKnown(deps, place))
    const store = storeMessage(deps)
    await forEachFetched(
      session.fetch(uids.filter((uid) => !became.has(uid))),
      async (fetched) => {
        const placement = { ...folder, uid: fetched.uid }
        became.set(fetched.uid, await store(caller, { account, fetched, placement }, signal))
      },
      signal,
    )
    const missed: number[] = []
    for (const uid of uids.filter((each) => !became.has(each)))
      // Deleted since it was listed, or kept back: only the second is a failure.
      if ((await session.flags({ from: uid, to: uid })).length > 0) missed.push(uid)
    return resultOf(folder.folder, became, missed, uids, attemptsOf)
  }

const becameOfKnown = (deps: StoreDeps, { quarantined, messageId }: KnownPlacement): Promise<Stored> =>
  quarantined ? becameOf(deps, messageId) : Promise.resolve({ became: 'known' })

const forEachFetched = async (
  source: AsyncIterable<FetchedMessage>,
  work: (fetched: FetchedMessage) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const inFlight = new Set<Promise<void>>()
  const failures: unknown[] = []
  let bytes = 0
  const isFull = () => inFlight.size >= IN_FLIGHT || (bytes > IN_FLIGHT_BYTES && inFlight.size > 0)
  const start = (fetched: FetchedMessage): void => {
    const size = fetched.raw.length
    bytes += size
    const running = work(fetched)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        bytes -= size
        inFlight.delete(running)
      })
    inFlight.add(running)
  }
  try {
    for await (const fetched of source) {
      if (signal.aborted || failures.length > 0) break
      start(fetched)
      while (isFull()) await Promise.race(inFlight)
    }
  } finally {
    await Promise.all(inFlight)
  }
  signal.throwIfAborted()
  if (failures.length > 0) throw failures[0]
}

const resultOf = (
  folder: string,
  became: ReadonlyMap<number, Stored>,
  missed: number[],
  uids: readonly number[],
  attemptsOf: (uid: number) => number,
): StretchResult => {
  const counts: FolderCounts = { ...noCounts(folder), listed: became.size + missed.length }
  const failures: RunFailure[] = missed.map((uid) => ({
    folder,
    uid,
    reason: NOT_HANDED_OUT,
    attempts: attemptsOf(uid) + 1,
  }))
  const exclusions: RunExclusion[] = []
  for (const [uid, outcome] of became) {
    if (outcome.became === 'stored') counts[outcome.direction === 'in' ? 'received' : 'sent']++
    if (outcome.became === 'excluded') exclusions.push({ folder, uid, pattern: outcome.pattern })
    if (outcome.became === 'failed') {
      const { reason, attempts, messageId } = outcome
      failures.push({ folder, uid, reason, attempts, messageId })
    }
    counts[outcome.became]++
  }
  counts.failed += missed.length
  return { counts, failures, exclusions, missed, settled: uids.filter((uid) => !missed.includes(uid)) }
}

/** A folder in which nothing was looked at yet. */
export const noCounts = (folder: string): FolderCounts => ({
  folder,
  listed: 0,
  stored: 0,
  known: 0,
  excluded: 0,
  failed: 0,
  flagsChanged: 0,
  removed: 0,
  sent: 0,
  received: 0,
})
