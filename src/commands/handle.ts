import { createHash, randomBytes } from 'node:crypto'
import { catalogue } from '../domain/catalogue.ts'
import { NotFound, type Decider } from '../domain/decider.ts'
import type { Actor, DomainEvent, EventMetadata, Position, RecordedEvent } from '../domain/event.ts'
import type { IdKind } from '../domain/ids.ts'
import type { Clock } from './ports/clock.ts'
import { RevisionConflict, type EventStore, type NewEvent } from './ports/event-log.ts'
import { meets, staleRevision, type IfRevision } from './revisions.ts'

/** Who acts, under which command id (a UUIDv7), and what caused it. One caller is one command. */
export type Caller = {
  readonly actor: Actor
  readonly commandId: string
  readonly correlationId: string
  readonly causationId: string | null
}

/** The caller for what Mailtrail does itself. `name` is the automation, `about` the id of what it works on. */
export const systemCaller = (name: string, clock: Clock, about: string): Caller => ({
  actor: { kind: 'system', id: name },
  commandId: newCommandId(clock()),
  correlationId: about,
  causationId: null,
})

/** The acting user; null if a program acts for nobody. */
export const userOf = ({ actor }: Caller): string | null => (actor.kind === 'user' ? actor.id : null)

/** `repeated`: the stream shows that this command was done before; nothing was appended. */
export type Handled<State> = {
  readonly revision: number
  readonly position: Position | null
  readonly repeated: boolean
  readonly state: State
}

/** A stream's state as just loaded. `revision` is -1 if there is no stream. */
export type Known<State> = Pick<Handled<State>, 'state' | 'revision' | 'position'>

const ATTEMPTS = 3

/**
 * Load, decide, append. A conflict starts again from the top, three attempts in all; then the caller gets
 * RevisionConflict. A command whose id is already in the stream is not decided again, so a repeat after a crash is
 * harmless. `insist`: as many attempts as there are conflicts, for commands that mean the same whatever else is written
 * to the stream. `known` saves the first load: the caller has just loaded the stream, or has it from the previous command.
 * For new commands only; if it is out of date, the append detects it.
 */
export const handler =
  (store: EventStore, clock: Clock) =>
  async <State, Command, Event extends DomainEvent>(
    decider: Decider<State, Command, Event>,
    stream: string,
    command: Command,
    caller: Caller,
    options: {
      readonly ifRevision?: IfRevision | undefined
      /** For streams that outlive what they are of: whether it is there, so that it has a revision. */
      readonly isThere?: (state: State) => boolean
      readonly known?: Known<State>
      readonly insist?: boolean
    } = {},
  ): Promise<Handled<State>> => {
    const attempts = options.insist ? Infinity : ATTEMPTS
    let { known } = options
    let history: readonly RecordedEvent[] = []
    for (let attempt = 1; ; attempt++) {
      if (!known) {
        history = await store.readStream(stream)
        const done = history.findLast((event) => event.metadata.commandId === caller.commandId)
        if (done) return asThen(decider, history, done)
        known = standing(decider, history)
      }
      const { revision, position } = known
      let { state } = known
      known = undefined
      const isThere = revision >= 0 && options.isThere?.(state) !== false
      const isStale = !meets(options.ifRevision, isThere ? revision : null)
      const decided = decidedUnless(isStale, () => decider.decide(command, state))
      if (decided === null) throw staleRevision(options.ifRevision, isThere ? revision : null, history)
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
        if (!(error instanceof RevisionConflict) || attempt === attempts) throw error
      }
    }
  }

/** Null if the version is stale. Of what the caller may not see, the version is not told either. @throws NotFound */
const decidedUnless = <Event>(isStale: boolean, decide: () => Event[]): Event[] | null => {
  if (!isStale) return decide()
  try {
    decide()
  } catch (error) {
    if (error instanceof NotFound) throw error
  }
  return null
}

/** The command's original answer, whatever has happened since. */
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
 * Folds a stream. Events that the catalogue does not have, from a newer version or another program, mean nothing to a
 * decider but count as revisions.
 */
const folded = <State, Command, Event extends DomainEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly RecordedEvent[],
): State =>
  history.reduce(
    // The stream's category guarantees the type of known events: only its decider writes to it.
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
 * Validates the event against its schema and adds the envelope. For facts from outside, whose id comes from their
 * source, and for `handler`; every append goes through here.
 */
export const newEvent = <Event extends DomainEvent>(
  event: Event,
  id: string,
  caller: Caller,
  occurredAt: string,
): NewEvent<Event> => {
  const definition = catalogue.get(event.type)
  if (!definition) throw new TypeError(`The catalogue has no event ${event.type}`)
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
 * The id of the nth event that a command appends to a stream: the command's time, then a hash. A UUIDv7 (RFC 9562 5.7),
 * so that ids made together are close in the store's index, and a repeat gives the same ids.
 */
export const eventIdOf = (commandId: string, stream: string, index: number): string => {
  const hash = createHash('sha256').update(`${commandId}\n${stream}\n${index}`).digest()
  return uuid(
    Buffer.concat([Buffer.from(commandId.replaceAll('-', ''), 'hex').subarray(0, 6), hash.subarray(0, 10)]),
    7,
  )
}

/** The id of a fact from outside: UUIDv5 (RFC 9562 5.5) of its source key, so that the store recognises a repeat. */
export const sourceEventId = (key: string): string =>
  uuid(createHash('sha1').update(MAILTRAIL_NAMESPACE).update(key, 'utf8').digest().subarray(0, 16), 5)

const MAILTRAIL_NAMESPACE = Buffer.from('7a7a1b3c5e0f4d0c9c3e2f6a1d8b4e90', 'hex')

/** A UUIDv7: the time in its first 48 bits. */
export const newCommandId = (now: Date): string => {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now.getTime(), 0, 6)
  return uuid(bytes, 7)
}

/** A readable id that sorts by time: `acc_` and the command's 128 bits in lower-case Crockford base 32. */
export const entityId = (prefix: IdKind, commandId: string): string =>
  `${prefix}_${base32(Buffer.from(commandId.replaceAll('-', ''), 'hex'))}`

/** The same form from a source key, for what is identified by where it came from. */
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
