import type { DomainEvent, EventMetadata, Position, RecordedEvent } from '../../domain/event.ts'

/** An event to append. The caller derives the id (a UUID), so that a repeat is recognised. */
export type NewEvent<Event extends DomainEvent = DomainEvent> = Event & {
  readonly id: string
  readonly metadata: EventMetadata
}

/** Every append states what it expects: no stream yet, or exactly this revision. */
export type ExpectedRevision = 'no_stream' | number

export type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: readonly NewEvent[]
}

/**
 * `repeated`: these events, with these ids, were already at this place; nothing was written. If the same append is made
 * several times, even at the same moment, one is told that it wrote and the others that they repeat it.
 */
export type Appended = {
  readonly revision: number
  readonly position: Position
  readonly repeated: boolean
}

/**
 * Part of the log. `position` is how far it was read, whether or not there were events; `atHead`: nothing lay beyond it
 * then.
 */
export type Page = {
  readonly events: readonly RecordedEvent[]
  readonly position: Position
  readonly atHead: boolean
}

/** Which events to return: of these types (all if omitted), in streams whose name has this prefix. */
export type EventFilter = {
  readonly types?: readonly string[]
  readonly streamPrefix?: string
}

/** Maximum size of an append, all data and metadata together, as JSON in UTF-8. */
export const MAX_APPEND_BYTES = 1_000_000

/**
 * The log of all events. Positions are strictly increasing in commit order; a reader that continues from the position
 * it was given never misses or repeats an event. Acknowledged means durable. Other programs may keep theirs in the same
 * store: nobody sees them, though positions count them.
 */
export type EventStore = {
  /** @throws RevisionConflict, DuplicateEvent, AppendTooLarge */
  append(append: Append): Promise<Appended>
  /** Events of one stream with a revision above `after` (all by default), at most `limit`, oldest first. */
  readStream(stream: string, options?: { after?: number; limit?: number }): Promise<RecordedEvent[]>
  /** One page of the log after `after` (from the start if null). */
  readAll(options: { after: Position | null; limit: number; filter?: EventFilter }): Promise<Page>
  /** Pages from `after` on, and then live, until `signal` aborts; then it ends without an error. */
  subscribe(options: {
    after: Position | null
    limit: number
    filter?: EventFilter
    signal: AbortSignal
  }): AsyncIterable<Page>
  /** The position of the newest event; null if the log is empty. */
  head(): Promise<Position | null>
  /** The newest event's position, and when it was recorded. */
  newest(): Promise<{ readonly position: Position; readonly recordedAt: string } | null>
  /** Whether the text has the form of a position of this kind of log; it may still lie ahead of the head. */
  isPosition(text: string): text is Position
  /**
   * Where the log ended at this instant (RFC 3339): the position of the last event recorded by then, null if there was
   * none. `from` is a position known to be no later; a store without an index by time reads on from there.
   */
  positionAt(instant: string, from?: Position | null): Promise<Position | null>
  /**
   * How much of the log lies up to a position, for showing progress: in events, or in bytes if the store does not count
   * events.
   */
  extent(position: Position | null): { readonly unit: 'events' | 'bytes'; readonly amount: number }
  /** Identity of this log, fixed when it is created; stored with every checkpoint. */
  storeId(): Promise<string>
  close(): Promise<void>
}

/** Somebody else wrote first. `actual` is -1 if there is no stream. */
export class RevisionConflict extends Error {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly actual: number

  constructor(stream: string, expected: ExpectedRevision, actual: number) {
    super(`Stream ${stream} is at revision ${actual}, expected ${expected}`)
    this.name = 'RevisionConflict'
    this.stream = stream
    this.expected = expected
    this.actual = actual
  }
}

/** The text cannot be a position of this log. */
export class ForeignPosition extends TypeError {
  constructor() {
    super('This is not a position of this event log')
    this.name = 'ForeignPosition'
  }
}

/** An event id of this append is already in the log, but not as part of this same append. */
export class DuplicateEvent extends Error {
  readonly stream: string

  constructor(stream: string) {
    super(`An event of this append to ${stream} is already in the log at another place`)
    this.name = 'DuplicateEvent'
    this.stream = stream
  }
}

/** An append of more than MAX_APPEND_BYTES; nothing of it was written. */
export class AppendTooLarge extends Error {
  readonly stream: string

  constructor(stream: string) {
    super(`An append to ${stream} is larger than ${MAX_APPEND_BYTES} bytes`)
    this.name = 'AppendTooLarge'
    this.stream = stream
  }
}

/** The store does not answer, or not properly. It is not known whether an append was done: retry it. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}
