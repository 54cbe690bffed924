import type { DomainEvent } from './event.ts'

/**
 * The rules of one kind of stream. `evolve` folds what happened and never refuses; `decide` returns the events that a
 * command leads to, [] if there is nothing to do, or throws a refusal.
 */
export type Decider<State, Command, Event extends DomainEvent> = {
  readonly initial: State
  readonly evolve: (state: State, event: Event) => State
  readonly decide: (command: Command, state: State) => Event[]
}

/** What the command is for does not exist. `kind` is what people call it. */
export class NotFound extends Error {
  constructor(kind: string, id?: string) {
    super(id === undefined ? `There is no such ${kind}.` : `There is no ${kind} ${id}.`)
    this.name = 'NotFound'
  }
}
