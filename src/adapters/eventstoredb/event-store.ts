import { randomUUID } from 'node:crypto'
import {
  AppendTooLarge,
  DuplicateEvent,
  ForeignPosition,
  MAX_APPEND_BYTES,
  RevisionConflict,
  StoreUnavailable,
  type Append,
  type Appended,
  type EventFilter,
  type EventStore,
  type NewEvent,
  type Page,
} from '../../commands/ports/event-log.ts'
import type { EventMetadata, Position, RecordedEvent } from '../../domain/event.ts'
import { pause } from '../../std/pause.ts'
import { bell } from './bell.ts'
import { openClient, TooLarge, WrongRevision, type Place, type Wire, type WireEvent } from './client.ts'

export type EventStoreDbOptions = {
  /** How often a subscription at the head polls when it is not notified. */
  readonly pollMs?: number
  readonly deadlineMs?: number
  readonly stallMs?: number
  /** How long an append is retried while the server does not answer. */
  readonly patienceMs?: number
  /** The same when the log is opened: a server that is starting may take a while. */
  readonly startPatienceMs?: number
  /** PEM certificates, trusted in addition to those that Node trusts. */
  readonly extraCa?: readonly string[]
  /** Called with errors that were recovered from. */
  readonly onError?: (error: Error) => void
}

/** The stream with the log's identity. */
const META_STREAM = 'meta-store'
/** How many events a page may scan for those that match its filter. */
const SEARCH_WINDOW = 1_000

/**
 * The log in EventStoreDB (24.6 or newer), given by a connection string (`esdb://user:password@host:2113`, more hosts
 * separated by commas). Paged reads are the truth; the server's subscription is only a bell that triggers the next
 * read, so one that ends, hangs or misses events costs `pollMs` and no event. An event id is unique within an append's
 * place in its stream, not in the whole log: the server knows our events by other ids. Other programs may write to
 * streams of their own; their events, and the server's, are passed over.
 * @throws TypeError for an unusable connection string, StoreUnavailable if no server answers
 */
export const eventStoreDb = async (
  connectionString: string,
  {
    pollMs = 500,
    deadlineMs = 5_000,
    stallMs = 5_000,
    patienceMs = 10_000,
    startPatienceMs = patienceMs,
    extraCa = [],
    onError = () => {},
  }: EventStoreDbOptions = {},
): Promise<EventStore> => {
  const wire = openClient(connectionString, { deadlineMs, stallMs, extraCa })
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  const insist = <Value>(work: () => Promise<Value>) => untilAnswered(work, patienceMs, onError)
  const news = bell((onEvent, signal) => wire.follow(onEvent, signal), onError, closing.signal)
  const id = await untilAnswered(() => identityOf(wire), startPatienceMs, onError).catch(
    async (error: unknown) => {
      await wire.close()
      throw error
    },
  )

  /** All of a stream. Read from its end, because only then is a result that was cut short noticed. */
  const wholeStream = async (stream: string, after = -1): Promise<WireEvent[]> => {
    const found = await wire.readBack(stream, ({ revision }) => revision <= after + 1)
    if (found === null) return []
    const oldest = found.at(-1)
    if (!oldest || (oldest.revision > after + 1 && oldest.revision > 0))
      throw new StoreUnavailable(`Reading ${stream} was cut short`)
    return found.filter(({ revision }) => revision > after).toReversed()
  }

  const firstOf = async (stream: string, after: number, limit: number): Promise<WireEvent[]> => {
    const found = await wire.readStream(stream, after + 1, limit)
    if (found.length === limit) return found
    return (await wholeStream(stream, after)).slice(0, limit)
  }

  const append = async ({ stream, expected, events }: Append): Promise<Appended> => {
    // The server knows these events by ids of this call alone. So it takes our retries for repeats, and everybody
    // else's append of the same events for one at a place that is taken: what it accepts was written by this call.
    const toWrite = events.map((event) => ({
      id: randomUUID(),
      type: event.type,
      data: event.data,
      metadata: toWire(event),
    }))
    if (Buffer.byteLength(JSON.stringify(toWrite)) > MAX_APPEND_BYTES) throw new AppendTooLarge(stream)
    const ids = events.map((event) => event.id)
    const areDistinct = new Set(ids).size === ids.length
    const next = expected === 'no_stream' ? 0 : expected + 1

    /** The server says that this place is taken, or ids are repeated: see what is there. */
    const whatIsThere = async (): Promise<Appended> => {
      const history = await insist(() => wholeStream(stream))
      const there = history.slice(next, next + ids.length)
      const last = there.at(-1)
      if (last && there.length === ids.length && there.every((event, nth) => idOf(event) === ids[nth]))
        return { revision: last.revision, position: positionOf(last.place), repeated: true }
      if (history.some((event) => ids.includes(idOf(event) ?? ''))) throw new DuplicateEvent(stream)
      // The stream may have reached the expected revision after the server said that it had not.
      if (areDistinct || history.length !== next)
        throw new RevisionConflict(stream, expected, history.length - 1)
      throw new DuplicateEvent(stream)
    }

    if (!areDistinct) return whatIsThere()
    try {
      const { revision, place } = await insist(() => wire.append(stream, expected, toWrite))
      return { revision, position: positionOf(place), repeated: false }
    } catch (error) {
      if (error instanceof WrongRevision) return whatIsThere()
      if (error instanceof TooLarge) throw new AppendTooLarge(stream)
      throw error
    }
  }

  const readAll = async (options: Parameters<EventStore['readAll']>[0]): Promise<Page> => {
    const { after, limit, filter = {} } = options
    const from = after === null ? null : placeOf(after)
    const isWanted = wantedBy(filter)
    const window = filter.types || filter.streamPrefix ? Math.max(limit, SEARCH_WINDOW) : limit
    // The place itself is returned again.
    const isNew = ({ place }: WireEvent) => from === null || place.commit > from.commit
    let wanted = 0
    const found = await wire.readAll(from, from === null ? window : window + 1, (event) => {
      if (isNew(event) && isWanted(event)) wanted++
      return wanted === limit
    })
    const raw = found.filter(isNew)
    const events = raw.filter(isWanted).map(recorded)
    const place = raw.at(-1)?.place ?? from
    // A short read may have reached the end, or have been cut off.
    const ended = events.length < limit && raw.length < window
    const last = ended || raw.length === 0 ? await wire.last() : null
    const atHead = last !== null && (place === null || last.place.commit <= place.commit)
    return { events, position: positionOf(place ?? NOWHERE), atHead }
  }

  const follow = async function* (options: Parameters<EventStore['subscribe']>[0]): AsyncGenerator<Page> {
    const signal = AbortSignal.any([options.signal, closing.signal])
    let { after } = options
    let first = true
    let failures = 0
    news.start()
    while (!signal.aborted) {
      const heard = news.count()
      try {
        const page = await readAll({ ...options, after })
        if (signal.aborted) return
        if (first || page.position !== after) yield page
        first = false
        failures = 0
        after = page.position
        if (page.atHead) await news.wait(heard, { ms: pollMs, signal })
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof StoreUnavailable)) throw error
        onError(error)
        await pause(jitter(failures++), signal)
      }
    }
  }

  return {
    append: async (request) => {
      if (closing.signal.aborted) throw new Error('The event store is closed')
      if (request.events.length === 0) throw new TypeError('An append needs at least one event')
      const appending = append(request)
      underWay.add(appending)
      return appending.finally(() => underWay.delete(appending))
    },
    readStream: async (stream, { after = -1, limit } = {}) => {
      const events = await insist(() =>
        limit === undefined ? wholeStream(stream, after) : firstOf(stream, after, limit),
      )
      return events.filter(isOwn).map(recorded)
    },
    readAll: (options) => insist(() => readAll(options)),
    subscribe: follow,
    head: async () => {
      const last = await insist(() => wire.last())
      return last && positionOf(last.place)
    },
    newest: async () => {
      const last = await insist(() => wire.last())
      return last && { position: positionOf(last.place), recordedAt: last.createdAt.toISOString() }
    },
    isPosition: (text): text is Position => FORM.test(text),
    positionAt: async (instant, from = null) => {
      const time = Date.parse(instant)
      let position = from
      let after = from
      for (;;) {
        const page = await insist(() => readAll({ after, limit: SEARCH_WINDOW }))
        const later = page.events.findIndex(({ recordedAt }) => Date.parse(recordedAt) > time)
        if (later >= 0) return page.events[later - 1]?.position ?? position
        position = page.events.at(-1)?.position ?? position
        after = page.position
        if (page.atHead) return position
      }
    },
    extent: (position) => ({
      unit: 'bytes',
      amount: position === null ? 0 : Number(placeOf(position).commit),
    }),
    storeId: async () => id,
    close: async () => {
      closing.abort()
      await Promise.allSettled(underWay)
      await news.ended()
      await wire.close()
    },
  }
}

/** The log's identity, written by whichever process comes first. */
const identityOf = async (wire: Wire): Promise<string> => {
  const created = { id: randomUUID(), type: 'StoreCreated', data: { storeId: randomUUID() }, metadata: {} }
  for (;;) {
    const [event] = await wire.readStream(META_STREAM, 0, 1)
    if (event) return (event.data as typeof created.data).storeId
    await wire.append(META_STREAM, 'no_stream', [created]).catch((error: unknown) => {
      if (!(error instanceof WrongRevision)) throw error
    })
  }
}

/**
 * Besides our own: the names under which EventStoreDB's tools look for causes, and the event's id, by which our events
 * are told from those of other programs.
 */
const toWire = ({ id, metadata }: NewEvent): object => ({
  ...metadata,
  mailtrailId: id,
  $correlationId: metadata.correlationId,
  ...(metadata.causationId === null ? {} : { $causationId: metadata.causationId }),
})

const fromWire = (metadata: object): EventMetadata => {
  const {
    mailtrailId: _1,
    $correlationId: _2,
    $causationId: _3,
    ...own
  } = metadata as Record<string, unknown>
  return own as unknown as EventMetadata
}

type OwnEvent = WireEvent & { readonly metadata: EventMetadata & { readonly mailtrailId: string } }

/** Not one of the server's, of another program, or the log's identity. */
const isOwn = (event: WireEvent): event is OwnEvent =>
  typeof (event.metadata as { mailtrailId?: unknown } | null | undefined)?.mailtrailId === 'string'

const idOf = (event: WireEvent): string | null => (isOwn(event) ? event.metadata.mailtrailId : null)

const recorded = ({ stream, revision, place, type, data, metadata, createdAt }: OwnEvent): RecordedEvent => ({
  type,
  data,
  id: metadata.mailtrailId,
  stream,
  revision,
  position: positionOf(place),
  recordedAt: createdAt.toISOString(),
  metadata: fromWire(metadata),
})

const wantedBy =
  ({ types, streamPrefix = '' }: EventFilter) =>
  (event: WireEvent): event is OwnEvent =>
    isOwn(event) && (types?.includes(event.type) ?? true) && event.stream.startsWith(streamPrefix)

const NOWHERE: Place = { commit: 0n, prepare: 0n }

const digits = (value: bigint): string => value.toString().padStart(20, '0')

const positionOf = ({ commit, prepare }: Place): Position =>
  `e:${digits(commit)}/${digits(prepare)}` as Position

const FORM = /^e:(\d{20})\/(\d{20})$/

const placeOf = (position: Position): Place => {
  const [, commit, prepare] = FORM.exec(position) ?? []
  if (commit === undefined || prepare === undefined) throw new ForeignPosition()
  return { commit: BigInt(commit), prepare: BigInt(prepare) }
}

/** Full jitter, up to 50 ms after the first failure and 2 s after many. */
const jitter = (failures: number): number => Math.random() * Math.min(50 * 2 ** failures, 2_000)

/**
 * Retries while the server does not answer.
 * @throws StoreUnavailable after `patienceMs`
 */
const untilAnswered = async <Value>(
  work: () => Promise<Value>,
  patienceMs: number,
  onError: (error: Error) => void,
): Promise<Value> => {
  const until = performance.now() + patienceMs
  for (let failures = 0; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || performance.now() > until) throw error
      onError(error)
    }
    await pause(jitter(failures))
  }
}
