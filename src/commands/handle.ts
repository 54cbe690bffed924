import { createHash, randomBytes } from 'node:crypto'
import { catalogue } from '../domain/catalogue.ts'
import type { Decider } from '../domain/decider.ts'
import type { Actor, DomainEvent, EventMetadata, Position, RecordedEvent } from '../domain/event.ts'
import type { IdKind } from '../domain/ids.ts'
import type { Clock } from './ports/clock.ts'
import { RevisionConflict, type EventStore, type NewEvent } from './ports/event-log.ts'

/** Who asks, under which command id (a UUIDv7), and what led to it. One caller is one command. */
export type Caller = {
  readonly actor: Actor
  readonly commandId: string
  readonly correlationId: string
  readonly causationId: string | null
}

/** What Mailtrail does unasked. `name` says which part of it, `about` is the id of what it is about. */
export const systemCaller = (name: string, clock: Clock, about: string): Caller => ({
  actor: { kind: 'system', id: name },
  commandId: newCommandId(clock()),
  correlationId: about,
  causationId: null,
})

/** The user of the CRM who asks; null where a program asks for nobody. */
export const userOf = ({ actor }: Caller): string | null => (actor.kind === 'user' ? actor.id : null)

/** `repeated`: the stream showed that this command had been done before; nothing was appended. */
export type Handled<State> = {
  readonly revision: number
  readonly position: Position | null
  readonly repeated: boolean
  readonly state: State
}

/** What a stream comes to as somebody has just loaded it. `revision` is -1 where there is no stream. */
export type Known<State> = Pick<Handled<State>, 'state' | 'revision' | 'position'>

/** The caller's `If-Match` names a revision that is not the stream's. */
export class StaleRevision extends Error {
  readonly expected: number
  readonly actual: number

  constructor(expected: number, actual: number) {
    super(`The version is ${actual}, not ${expected}`)
    this.name = 'StaleRevision'
    this.expected = expected
    this.actual = actual
  }
}

const ATTEMPTS = 3

/**
 * Load, decide, append. A conflict starts again from the top, three times in all; after that RevisionConflict is
 * the caller's to see. A command whose id is in the stream already is not decided again: that is what makes a
 * repeat after a crash harmless.
 *
 * `known` spares the first load: the caller has just loaded the stream, or has it from the command before. It is for new
 * commands; should it be out of date, the append finds out.
 */
export const handler =
  (store: EventStore, clock: Clock) =>
  async <State, Command, Event extends DomainEvent>(
    decider: Decider<State, Command, Event>,
    stream: string,
    command: Command,
    caller: Caller,
    options: { readonly ifRevision?: number | undefined; readonly known?: Known<State> } = {},
  ): Promise<Handled<State>> => {
    let { known } = options
    for (let attempt = 1; ; attempt++) {
      if (!known) {
        const history = await store.readStream(stream)
        const done = history.findLast((event) => event.metadata.commandId === caller.commandId)
        if (done) return asThen(decider, history, done)
        known = standing(decider, history)
      }
      const { revision, position } = known
      let { state } = known
      known = undefined
      if (options.ifRevision !== undefined && options.ifRevision !== revision)
        throw new StaleRevision(options.ifRevision, revision)
      const decided = decider.decide(command, state)
      if (decided.length === 0) return { revision, position, repeated: false, state }
      const occurredAt = clock().toISOString()
      const events = decided.map((event, index) =>
        newEvent(event, eventIdOf(caller.commandId, stream, index), caller, occurredAt),
      )
      try {
        const appended = await store.append({
          stream,
          expected: revision === -1 ? 'no_stream' : revision,
          events,
        })
        for (const event of events) state = decider.evolve(state, event)
        return {
          revision: appended.revision,
          position: appended.position,
          repeated: appended.repeated,
          state,
        }
      } catch (error) {
        if (!(error instanceof RevisionConflict) || attempt === ATTEMPTS) throw error
      }
    }
  }

/** What the command was answered when it was done, whatever has happened since. */
const asThen = <State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly RecordedEvent[],
  { revision, position }: RecordedEvent,
): Handled<State> => ({
  revision,
  position,
  repeated: true,
  state: folded(
    decider,
    history.filter((event) => event.revision <= revision),
  ),
})

/**
 * What a stream comes to. Events of a kind that is not in the catalogue, of a newer version or another program, say
 * nothing to a decider; they count as revisions.
 */
const folded = <State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly RecordedEvent[],
): State =>
  history.reduce(
    // The stream's own category guarantees the type of those that are known: only its decider ever writes to it.
    (state, event) => (catalogue.has(event.type) ? decider.evolve(state, event as unknown as Event) : state),
    decider.initial,
  )

const standing = <State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly RecordedEvent[],
): Known<State> => ({
  state: folded(decider, history),
  revision: history.at(-1)?.revision ?? -1,
  position: history.at(-1)?.position ?? null,
})

export type Handle = ReturnType<typeof handler>

/** Reads a stream and folds it. */
export const loader =
  (store: EventStore) =>
  async <State, Command, Event extends DomainEvent>(
    decider: Decider<State, Command, Event>,
    stream: string,
  ): Promise<Known<State>> =>
    standing(decider, await store.readStream(stream))

export type Load = ReturnType<typeof loader>

/**
 * Checks the event against its schema and puts its envelope on. For facts from outside, whose id comes from their
 * source, and for `handler`; every append of the product passes here.
 */
export const newEvent = <Event extends DomainEvent>(
  event: Event,
  id: string,
  caller: Caller,
  occurredAt: string,
): NewEvent<Event> => {
  const definition = catalogue.get(event.type)
  if (!definition) throw new TypeError(`No event ${event.type} is in the catalogue`)
  const metadata: EventMetadata = {
    actor: caller.actor,
    commandId: caller.commandId,
    correlationId: caller.correlationId,
    causationId: caller.causationId,
    occurredAt,
    schemaVersion: definition.version,
  }
  return { ...event, data: definition.schema.parse(event.data), id, metadata }
}

/**
 * The id of the nth event that a command makes in a stream: the command's own time, then a hash. A UUIDv7
 * (RFC 9562 5.7), so that ids made together lie together in the store's index, and the same again when repeated.
 */
export const eventIdOf = (commandId: string, stream: string, index: number): string => {
  const hash = createHash('sha256').update(`${commandId}\n${stream}\n${index}`).digest()
  return uuid(
    Buffer.concat([Buffer.from(commandId.replaceAll('-', ''), 'hex').subarray(0, 6), hash.subarray(0, 10)]),
    7,
  )
}

/** The id of a fact from outside: UUIDv5 (RFC 9562 5.5) of its source key, so that the store knows it again. */
export const sourceEventId = (key: string): string =>
  uuid(createHash('sha1').update(MAILTRAIL_NAMESPACE).update(key, 'utf8').digest().subarray(0, 16), 5)

const MAILTRAIL_NAMESPACE = Buffer.from('7a7a1b3c5e0f4d0c9c3e2f6a1d8b4e90', 'hex')

/** A UUIDv7: the command's time in its first 48 bits. */
export const newCommandId = (now: Date): string => {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now.getTime(), 0, 6)
  return uuid(bytes, 7)
}

/** A readable id that sorts by time: `acc_` and the command's 128 bits in Crockford's base 32, lower case. */
export const entityId = (prefix: IdKind, commandId: string): string =>
  `${prefix}_${base32(Buffer.from(commandId.replaceAll('-', ''), 'hex'))}`

/** The same form, from a source key: for what is known by where it came from. */
export const entityIdOfSource = (prefix: IdKind, key: string): string =>
  `${prefix}_${base32(createHash('sha256').update(key, 'utf8').digest().subarray(0, 16))}`

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

const base32 = (bytes: Buffer): string => {
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let digit = 0; digit < 26; digit++) {
    text = ALPHABET[Number(value & 31n)] + text
    value >>= 5n
  }
  return text
}

const uuid = (bytes: Buffer, version: number): string => {
  const copy = Buffer.from(bytes)
  copy[6] = (copy[6]! & 0x0f) | (version << 4)
  copy[8] = (copy[8]! & 0x3f) | 0x80
  return copy.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
