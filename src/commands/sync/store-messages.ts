import type { Placement } from '../../domain/sync/events.ts'
import type { MailboxSession, RawMessage } from '../ports/mail-provider.ts'
import type { KnownPlacement } from './ports.ts'
import { placeKey, type OpenRun } from './run.ts'
import { becameOf, storeMessage, type Stored, type StoreDeps } from './store-message.ts'

/** At most so many messages, and roughly so many bytes of them, are read and stored at once. */
const IN_FLIGHT = 64
const IN_FLIGHT_BYTES = 32 * 1024 * 1024

/** What became of a message that the mailbox lists. `withheld`: it is there, and was not handed out. */
export type Outcome = { readonly placement: Placement } & (Stored | { readonly became: 'withheld' })

/**
 * Fetches messages and stores them: while the mailbox hands out one, those before it are parsed and stored. Those that
 * are known are not fetched, and those that are not there any more have no outcome. Returns when all of that is durable,
 * or throws after it has come to rest.
 */
export const storeMessages =
  (deps: StoreDeps) =>
  async (
    { account, caller, session, signal }: OpenRun,
    placements: readonly Placement[],
    known: ReadonlyMap<string, KnownPlacement>,
  ): Promise<Outcome[]> => {
    const outcomes: Outcome[] = []
    const wanted = new Map<string, Placement>()
    for (const placement of placements) {
      const met = known.get(placeKey(placement))
      if (met) outcomes.push({ placement, ...(await becameOfKnown(deps, met)) })
      else wanted.set(placeKey(placement), placement)
    }
    const store = storeMessage(deps)
    const take = async (placement: Placement, { flags, receivedAt, raw }: RawMessage): Promise<void> => {
      const fetched = { placement, flags, receivedAt, raw }
      outcomes.push({ placement, ...(await store(caller, account, fetched, signal)) })
    }
    if (wanted.size > 0) await eachFetched(session, wanted, take, signal)
    for (const placement of wanted.values()) outcomes.push({ placement, became: 'withheld' })
    return outcomes
  }

/** A quarantined message that is listed again is a failure still. */
export const becameOfKnown = (deps: StoreDeps, { quarantined, messageId }: KnownPlacement): Promise<Stored> =>
  quarantined ? becameOf(deps, messageId) : Promise.resolve({ became: 'known' })

/** Takes from `wanted` what is handed out or gone; what stays in it was withheld. */
const eachFetched = async (
  session: MailboxSession,
  wanted: Map<string, Placement>,
  work: (placement: Placement, fetched: RawMessage) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const inFlight = new Set<Promise<void>>()
  const failures: unknown[] = []
  let bytes = 0
  const isFull = () => inFlight.size >= IN_FLIGHT || (bytes > IN_FLIGHT_BYTES && inFlight.size > 0)
  const start = (placement: Placement, fetched: RawMessage): void => {
    const size = fetched.raw.length
    bytes += size
    const running = work(placement, fetched)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        bytes -= size
        inFlight.delete(running)
      })
    inFlight.add(running)
  }
  try {
    for await (const answer of session.raw([...wanted.values()])) {
      if (signal.aborted || failures.length > 0) break
      const key = placeKey(answer.placement)
      const placement = wanted.get(key)
      if (!placement || ('missing' in answer && answer.missing === 'withheld')) continue
      wanted.delete(key)
      if ('missing' in answer) continue
      start(placement, answer)
      while (isFull()) await Promise.race(inFlight)
    }
  } finally {
    await Promise.all(inFlight)
  }
  signal.throwIfAborted()
  if (failures.length > 0) throw failures[0]
}
