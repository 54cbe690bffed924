import fc from 'fast-check'
import { NotFound, type Decider } from '../../src/domain/decider.ts'
import { Refused } from '../../src/domain/refusal.ts'
import type { DomainEvent } from '../../src/domain/event.ts'

const frozen = <Value>(value: Value): Value => {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen)
    Object.freeze(value)
  }
  return value
}

/**
 * What holds of every decider, over any commands in any order: it is deterministic, it changes nothing that it is
 * given, its state and events are plain JSON, it refuses by name alone, and replaying stored events gives the state.
 */
export const holdDeciderLaws = <State, Command, Event extends DomainEvent>(
  { initial, evolve, decide }: Decider<State, Command, Event>,
  command: fc.Arbitrary<Command>,
  runs = 300,
): void => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), (commands) => {
      let state = frozen(structuredClone(initial))
      const stored: string[] = []
      for (const one of commands) {
        let events: Event[] = []
        try {
          events = decide(frozen(one), state)
          const again = decide(one, state)
          if (JSON.stringify(again) !== JSON.stringify(events))
            throw new TypeError('decides otherwise the second time')
        } catch (error) {
          if (!(error instanceof Refused || error instanceof NotFound)) throw error
        }
        for (const event of events) {
          stored.push(JSON.stringify(event))
          state = frozen(evolve(state, frozen(event)))
        }
      }
      const replayed = stored.reduce((folded, text) => evolve(folded, JSON.parse(text) as Event), initial)
      return (
        JSON.stringify(replayed) === JSON.stringify(state) &&
        JSON.stringify(JSON.parse(JSON.stringify(state))) === JSON.stringify(state)
      )
    }),
    { numRuns: runs },
  )
}
