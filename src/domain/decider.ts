import type { DomainEvent, Json } from './event.ts'

/**
 * The rules of one kind of stream. `evolve` folds what happened and never refuses; `decide` answers a command
 * with the events that it causes, with [] when there is nothing to do, or throws `Refused`.
 */
export type Decider<State, Command, Event extends DomainEvent> = {
  readonly initial: State
  readonly evolve: (state: State, event: Event) => State
  readonly decide: (command: Command, state: State) => Event[]
}

/** A rule of the product says no. `code` is stable and kebab-case; `remedy` tells the person what to do. */
export class Refused extends Error {
  readonly code: string
  readonly remedy: string
  readonly details: Json

  constructor(code: string, message: string, remedy: string, details: Json = null) {
    super(message)
    this.name = 'Refused'
    this.code = code
    this.remedy = remedy
    this.details = details
  }
}

/** The thing that the command is for does not exist. `kind` is what a person calls it. */
export class NotFound extends Error {
  constructor(kind: string, id?: string) {
    super(id === undefined ? `There is no such ${kind}` : `There is no ${kind} ${id}`)
    this.name = 'NotFound'
  }
}
