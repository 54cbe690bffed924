import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Test } from 'tap'
import {
  DuplicateEvent,
  RevisionConflict,
  type EventStore,
  type ExpectedRevision,
} from '../../src/commands/ports/event-log.ts'
import { anEvent, idsOf, readFrom } from '../support/log-events.ts'
import type { Beyond } from './event-store.ts'

type Step = { readonly stream: number; readonly expected: ExpectedRevision; readonly ids: readonly number[] }

/** Few streams, few ids and close revisions, so that conflicts, repeats and duplicates are common. */
const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(2),
  expected: fc.oneof(fc.constant<ExpectedRevision>('no_stream'), fc.nat(4)),
  ids: fc.oneof(
    { weight: 3, arbitrary: fc.nat(30).map((first) => [first]) },
    { weight: 2, arbitrary: fc.nat(30).map((first) => [first, first + 1]) },
    { weight: 1, arbitrary: fc.array(fc.nat(8), { minLength: 1, maxLength: 3 }) },
  ),
})

type Streams = readonly (readonly number[])[]

/** The rules as a model: streams are lists of ids, and an id is in one place only, as far as the store knows. */
const apply = (
  { uniqueIds }: Beyond,
  streams: Streams,
  { stream, expected, ids }: Step,
): { outcome: string; streams: Streams } => {
  const history = streams[stream]!
  const next = expected === 'no_stream' ? 0 : expected + 1
  if (ids.every((id, nth) => history[next + nth] === id))
    return { outcome: `repeated ${next + ids.length - 1}`, streams }
  const isTaken = next !== history.length || new Set(ids).size < ids.length
  const known = uniqueIds ? streams.flat() : isTaken ? history : []
  if (ids.some((id) => known.includes(id))) return { outcome: 'duplicate', streams }
  if (next !== history.length) return { outcome: `conflict ${history.length - 1}`, streams }
  if (new Set(ids).size < ids.length) return { outcome: 'duplicate', streams }
  const longer = streams.with(stream, [...history, ...ids])
  return { outcome: `appended ${history.length + ids.length - 1}`, streams: longer }
}

const ordersOf = <Value>(values: readonly Value[]): Value[][] =>
  values.length === 0
    ? [[]]
    : values.flatMap((value, nth) => ordersOf(values.toSpliced(nth, 1)).map((rest) => [value, ...rest]))

/** Possible results of concurrent appends: those of any sequential order. */
const possible = (
  beyond: Beyond,
  streams: Streams,
  steps: readonly Step[],
): { outcomes: string[]; streams: Streams }[] =>
  ordersOf([...steps.keys()]).map((order) => {
    const outcomes: string[] = []
    let current = streams
    for (const nth of order) {
      const applied = apply(beyond, current, steps[nth]!)
      outcomes[nth] = applied.outcome
      current = applied.streams
    }
    return { outcomes, streams: current }
  })

/** Part of the event store contract: any sequence of appends, some concurrent, gives the results of the model. */
export const modelContract = (t: Test, store: EventStore, beyond: Beyond): void => {
  t.test('any appends, alone or concurrent, have the outcomes of the model', async (t) => {
    const together = fc.uniqueArray(step, { selector: ({ stream }) => stream, minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(together, { minLength: 1, maxLength: 12 }), async (rounds) => {
        const after = await store.head()
        let streams: Streams = [[], [], []]
        const names = streams.map(() => `model-${randomUUID()}`)
        const ids = Array.from({ length: 40 }, () => randomUUID())
        const append = ({ stream, expected, ids: wanted }: Step): Promise<string> =>
          store
            .append({
              stream: names[stream]!,
              expected,
              events: wanted.map((id) => anEvent({}, 'Noted', ids[id])),
            })
            .then(
              ({ revision, repeated }) => `${repeated ? 'repeated' : 'appended'} ${revision}`,
              (error: unknown) => {
                if (error instanceof DuplicateEvent) return 'duplicate'
                if (error instanceof RevisionConflict) return `conflict ${error.actual}`
                throw error
              },
            )
        for (const round of rounds) {
          const outcomes = await Promise.all(round.map(append))
          const options = possible(beyond, streams, round)
          const fit = options.find((option) => isDeepStrictEqual(option.outcomes, outcomes))
          assert.ok(
            fit,
            `${outcomes.join()}, none of ${options.map((option) => option.outcomes.join()).join(' | ')}`,
          )
          streams = fit.streams
        }
        for (const [nth, name] of names.entries())
          assert.deepEqual(
            idsOf(await store.readStream(name)),
            streams[nth]!.map((id) => ids[id]),
          )
        assert.equal((await readFrom(store, after)).length, streams.flat().length)
      }),
      { numRuns: 60 },
    )
    t.pass()
  })
}
