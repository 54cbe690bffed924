import type { DomainEvent } from './event.ts'

/**
 * The rules of one kind of stream. `evolve` folds what happened and never refuses; `decide` answers a command
 * with the events that it causes, with [] when there is nothing to do, or throws a refusal.
 */
export type Decider<State, Command, Event extends DomainEvent> = {
  readonly initial: State
  readonly evolve: (state: State, event: Event) => State
  readonly decide: (command: Command, state: State) => Event[]
}

/** The thing that the command is for does not exist. `kind` is what a person calls it. */
export class NotFound extends Error {
  constructor(kind: string, id?: string) {
    super(id === undefined ? `There is no such ${kind}.` : `There is no ${kind} ${id}.`)
    this.name = 'NotFound'
  }
}
