import type { RecordedEvent } from '../../domain/event.ts'
import { foldRepeats, trackingStream, withinLimit } from '../../domain/tracking/fold-hits.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { newEvent, sourceEventId, type Caller } from '../handle.ts'
import { DuplicateEvent, RevisionConflict, type EventStore } from '../ports/event-log.ts'
import type { SpooledHit } from '../ports/tracking.ts'

/**
 * Each request is exactly one of these: recorded as an event, counted in another's, already there, or over the limit.
 */
export type HitsRecorded = {
  readonly recorded: number
  readonly folded: number
  readonly known: number
  readonly dropped: number
}

const AT_ONCE = 32
const EVENTS_AN_APPEND = 500
/** Far below the limit of one append, whatever the length of the addresses. */
const CHARACTERS_AN_APPEND = 200_000
const ATTEMPTS = 5

/**
 * Appends the hits of one whole spool segment: folds repeats, appends each email's hits to its stream at the revision
 * that was read, and leaves out those already there. So giving a segment again, after a crash or by a second process,
 * changes nothing.
 * @throws what the store throws; some hits may be recorded by then, and the same segment must be given again
 */
export const recordHits =
  (deps: { store: EventStore }) =>
  async (caller: Caller, hits: readonly SpooledHit[]): Promise<HitsRecorded> => {
    const sum = { recorded: 0, folded: 0, known: 0, dropped: 0 }
    const messages = [...Map.groupBy(hits, ({ hit }) => hit.data.outgoingId)]
    const answers = await inParallel(messages, AT_ONCE, ([id, of]) => recordEmail(deps.store, caller, id, of))
    for (const answer of answers)
      for (const name of ['recorded', 'folded', 'known', 'dropped'] as const) sum[name] += answer[name]
    return sum
  }

const recordEmail = async (
  store: EventStore,
  caller: Caller,
  outgoingId: string,
  hits: readonly SpooledHit[],
): Promise<HitsRecorded> => {
  const stream = trackingStream(outgoingId)
  const folded = foldRepeats(hits).map((one) => ({ ...one, id: sourceEventId(`hit ${one.source}`) }))
  for (let attempt = 1; ; attempt++) {
    const history = await store.readStream(stream)
    const ids = new Set(history.map(({ id }) => id))
    const fresh = folded.filter(({ id }) => !ids.has(id))
    const within = withinLimit(history, fresh)
    try {
      await appendAll(store, caller, stream, history, within)
      const requests = (of: readonly SpooledHit[]): number =>
        of.reduce((sum, { hit }) => sum + 1 + hit.data.repeats, 0)
      return {
        recorded: within.length,
        folded: requests(within) - within.length,
        known: requests(folded) - requests(fresh),
        dropped: requests(fresh) - requests(within),
      }
    } catch (error) {
      const overtaken = error instanceof RevisionConflict || error instanceof DuplicateEvent
      if (!overtaken || attempt === ATTEMPTS) throw error
    }
  }
}

const appendAll = async (
  store: EventStore,
  caller: Caller,
  stream: string,
  history: readonly RecordedEvent[],
  hits: readonly (SpooledHit & { readonly id: string })[],
): Promise<void> => {
  let revision = history.at(-1)?.revision ?? -1
  for (const some of portions(hits)) {
    const events = some.map(({ hit, id }) => newEvent(hit, id, caller, hit.data.at))
    const appended = await store.append({
      stream,
      expected: revision === -1 ? 'no_stream' : revision,
      events,
    })
    ;({ revision } = appended)
  }
}

/** Cut to what fits one append. */
const portions = <Hit extends SpooledHit>(hits: readonly Hit[]): Hit[][] => {
  const cut: Hit[][] = []
  let characters = 0
  for (const each of hits) {
    const size = JSON.stringify(each.hit).length
    const last = cut.at(-1)
    if (last && last.length < EVENTS_AN_APPEND && characters + size <= CHARACTERS_AN_APPEND) last.push(each)
    else {
      cut.push([each])
      characters = 0
    }
    characters += size
  }
  return cut
}
