import type { FactList } from './facts.ts'
import type { Subject } from './keys.ts'
import type { Links } from './links.ts'
import type { Rules } from './match.ts'

/** A message to be matched: where it was found, what is recorded of its links, and at which revision of that stream. */
export type ToMatch = {
  readonly subject: Subject
  readonly position: string
  readonly rules: Rules
  readonly recorded: Links
  readonly revision: number
}

/** Messages in order of position, with all the facts for them as of one position of the log. */
export type MatchBatch = {
  readonly messages: readonly ToMatch[]
  readonly facts: FactList
  readonly factsAt: string
}

/** What a batch is taken of: messages found behind `after`, up to `upTo`; with `keys`, only those that have one of them. */
export type BatchOf = {
  readonly after: string | null
  readonly upTo: string | null
  readonly keys: readonly string[] | null
  readonly limit: number
}
