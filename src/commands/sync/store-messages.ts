import type { Placement, WhyNotHere } from '../../domain/sync/events.ts'
import { turnsByKey } from '../../std/in-parallel.ts'
import { isOutage } from '../outage.ts'
import type { RawMessage } from '../ports/mail-provider.ts'
import { contactsCaughtUp } from './known-contacts.ts'
import type { KnownPlacement, SyncDeps } from './ports.ts'
import { placeKey, type OpenRun } from './run.ts'
import { becameOf, storeMessage, uncountedBy, type Stored, type StoreDeps } from './store-message.ts'

/** At most this many messages, and roughly this many bytes, are read and stored at once. */
const IN_FLIGHT = 64
const IN_FLIGHT_BYTES = 32 * 1024 * 1024

/**
 * What became of a message that the mailbox lists. `withheld`: the mailbox has it but it is not here, for the reason
 * `why`.
 */
export type Outcome = { readonly placement: Placement } & (
  | Stored
  | { readonly became: 'withheld'; readonly why: WhyNotHere }
)

/** `broken`: why not all messages were reached; `outcomes` are those of the others. */
export type StoredMessages = {
  readonly outcomes: Outcome[]
  readonly broken: { readonly error: unknown } | null
}

/**
 * Fetches messages and stores them: while the mailbox hands out one, earlier ones are parsed and stored. Known messages
 * are not fetched; those no longer there have no outcome. A message that cannot be stored does not hold up the others,
 * and is to be requested again. Returns once everything is durable. `backfill`: the beginning of the backfill that they
 * are of.
 */
export const storeMessages =
  (deps: StoreMessagesDeps) =>
  async (
    run: OpenRun,
    placements: readonly Placement[],
    known: ReadonlyMap<string, KnownPlacement>,
    backfill: string | null,
  ): Promise<StoredMessages> => {
    const { account, caller, signal } = run
    const outcomes: Outcome[] = []
    const wanted = new Map<string, Placement>()
    const add = async (placement: Placement, stored: Stored): Promise<void> => {
      outcomes.push({ placement, ...(await counted(deps, run, placement, stored)) })
    }
    for (const placement of placements) {
      const met = known.get(placeKey(placement))
      if (met) await add(placement, await becameOfKnown(deps, met))
      else wanted.set(placeKey(placement), placement)
    }
    const store = storeMessage({ ...deps, inTurn: turnsByKey() })
    const take = async (placement: Placement, { flags, receivedAt, raw }: RawMessage): Promise<void> => {
      const mark = isOlder(run, receivedAt) ? backfill : null
      const fetched = { placement, flags, receivedAt, raw, backfill: mark }
      try {
        await add(placement, await store(caller, account, fetched, signal))
      } catch (error) {
        if (signal.aborted) return
        // No fault of this message.
        if (isOutage(error)) throw error
        deps.onFault(error)
        outcomes.push({ placement, became: 'withheld', why: 'not-stored' })
      }
    }
    const missing = (placement: Placement, why: WhyNotHere): void =>
      void outcomes.push({ placement, became: 'withheld', why })
    try {
      if (wanted.size > 0) {
        await contactsCaughtUp(deps.contacts, account)
        await eachFetched(wanted, take, missing, run)
      }
      for (const placement of wanted.values()) missing(placement, 'withheld')
      signal.throwIfAborted()
      return { outcomes, broken: null }
    } catch (error) {
      return { outcomes, broken: { error } }
    }
  }

/** What comes in while older mail is fetched is news all the same. */
const isOlder = ({ mailbox: { since } }: OpenRun, receivedAt: string): boolean =>
  since !== null && Date.parse(receivedAt) < since.getTime()

export type StoreMessagesDeps = Omit<StoreDeps, 'inTurn'> & Pick<SyncDeps, 'onFault'>

/** What a run stored before it died counts as stored in the run that finds it again. */
const counted = async (
  deps: StoreMessagesDeps,
  { uncounted }: OpenRun,
  placement: Placement,
  stored: Stored,
): Promise<Stored> => {
  if (stored.became !== 'known') return stored
  const as = await uncountedBy(deps, uncounted, placement, stored.messageId)
  return as === null ? stored : { became: 'stored', as, before: true }
}

/** A quarantined message that is listed again still counts as failed. */
export const becameOfKnown = (
  deps: Pick<StoreDeps, 'load'>,
  { quarantined, messageId }: KnownPlacement,
): Promise<Stored> =>
  quarantined ? becameOf(deps, messageId) : Promise.resolve({ became: 'known', messageId })

/** Removes from `wanted` what is handed out, gone or missing; whatever remains was not mentioned. */
const eachFetched = async (
  wanted: Map<string, Placement>,
  work: (placement: Placement, fetched: RawMessage) => Promise<void>,
  missing: (placement: Placement, why: WhyNotHere) => void,
  { session, signal, progressed }: OpenRun,
): Promise<void> => {
  const inFlight = new Set<Promise<void>>()
  let bytes = 0
  const isFull = () => inFlight.size >= IN_FLIGHT || (bytes > IN_FLIGHT_BYTES && inFlight.size > 0)
  const start = (placement: Placement, fetched: RawMessage): void => {
    const size = fetched.raw.length
    bytes += size
    const running = work(placement, fetched).finally(() => {
      bytes -= size
      inFlight.delete(running)
    })
    inFlight.add(running)
  }
  try {
    for await (const answer of session.raw([...wanted.values()])) {
      if (signal.aborted) break
      progressed()
      const key = placeKey(answer.placement)
      const placement = wanted.get(key)
      if (!placement) continue
      wanted.delete(key)
      if (!('missing' in answer)) start(placement, answer)
      else if (answer.missing !== 'gone') missing(placement, answer.missing)
      while (isFull()) await Promise.race(inFlight)
    }
  } finally {
    await Promise.all(inFlight)
  }
}
