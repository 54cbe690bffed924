import {
  AccessDeniedError,
  BACKWARDS,
  END,
  EventStoreDBClient,
  FORWARDS,
  InvalidArgumentError,
  jsonEvent,
  MaxAppendSizeExceededError,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  UnsupportedError,
  WrongExpectedVersionError,
  excludeSystemEvents,
  type JSONType,
  type RecordedEvent,
  type ResolvedEvent,
  type StreamingRead,
} from '@eventstore/db-client'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { StoreUnavailable, type ExpectedRevision } from '../../commands/ports/event-log.ts'
import { within } from '../../std/within.ts'

/** A place in $all. Both are byte offsets; of two events the later has the greater commit. */
export type Place = { readonly commit: bigint; readonly prepare: bigint }

/** An event as the server returned it, ours or not. */
export type WireEvent = {
  readonly id: string
  readonly stream: string
  readonly revision: number
  readonly place: Place
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
  readonly createdAt: Date
}

type EventToWrite = {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly metadata: object
}

/** The stream is at another revision, or holds events with other ids at this place. */
export class WrongRevision extends Error {
  override readonly name = 'WrongRevision'
}

/** The append is larger than the server accepts. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge'
}

/**
 * The calls used of the client, each with its own timeout: the client has calls that never settle. A call that fails
 * with StoreUnavailable may be retried; any other error is an answer.
 */
export type Wire = {
  /** @throws WrongRevision */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToWrite[],
  ): Promise<{ revision: number; place: Place }>
  /**
   * Events of $all from this place on (inclusive), from the start if null; includes system events. `enough` ends it
   * early.
   */
  readAll(from: Place | null, limit: number, enough: (event: WireEvent) => boolean): Promise<WireEvent[]>
  /** The newest event of all; null if the log is empty. */
  last(): Promise<WireEvent | null>
  /** Events of a stream, oldest first. The result is silently cut short if the server goes down. */
  readStream(stream: string, from: number, limit: number): Promise<WireEvent[]>
  /** Events of a stream, newest first, until `enough` returns true; null if there is no stream. */
  readBack(stream: string, enough: (event: WireEvent) => boolean): Promise<WireEvent[] | null>
  /**
   * Calls `onEvent` for each event appended from now on. Resolves when the server ends the subscription, for whatever
   * reason.
   */
  follow(onEvent: () => void, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export type ClientOptions = {
  /** Timeout of an append, which may still have been done. */
  readonly deadlineMs: number
  /** A read is abandoned when nothing has arrived for this long. */
  readonly stallMs: number
  /** PEM certificates, trusted in addition to those that Node trusts. */
  readonly extraCa: readonly string[]
}

/**
 * The only file that knows @eventstore/db-client (6.2.1). Appends use the unary call, selected by passing credentials
 * with the call: the stream that the client shares between appends may leave one unanswered for ever, and one failure
 * there fails the others. Reads and subscriptions are always cancelled when abandoned, or they stay open on the server.
 * @throws TypeError for an unusable connection string; it never shows the password
 */
export const openClient = (
  connectionString: string,
  { deadlineMs, stallMs, extraCa }: ClientOptions,
): Wire => {
  const { bare, credentials } = withoutCredentials(connectionString)
  const client = clientOf(bare, extraCa)
  const ask = { credentials, requiresLeader: true }

  /** Collects the results of a read. `enough` ends it early. */
  const collect = async <Read extends ResolvedEvent>(
    read: StreamingRead<Read>,
    enough: (event: WireEvent) => boolean = () => false,
  ): Promise<WireEvent[]> => {
    // Errors may arrive when nobody is reading any more.
    read.on('error', () => {})
    const alarm = setTimeout(
      () => read.destroy(new StoreUnavailable('A read of EventStoreDB stalled')),
      stallMs,
    )
    const events: WireEvent[] = []
    try {
      for await (const { event } of read) {
        alarm.refresh()
        if (!event) continue
        const told = wireEvent(event)
        events.push(told)
        if (enough(told)) break
      }
      return events
    } catch (error) {
      throw understood(error)
    } finally {
      clearTimeout(alarm)
      read.cancel().catch(() => {})
    }
  }

  return {
    append: async (stream, expected, events) => {
      // Otherwise -1 would fail with an obscure error of the client's serializer.
      if (expected !== 'no_stream' && !(Number.isSafeInteger(expected) && expected >= 0))
        throw new TypeError('A revision is a whole number, 0 or greater')
      const written = await answered(
        client.appendToStream(
          stream,
          events.map(({ id, type, data, metadata }) =>
            jsonEvent({ id, type, data: data as JSONType, metadata: metadata as JSONType }),
          ),
          {
            ...ask,
            expectedRevision: expected === 'no_stream' ? expected : BigInt(expected),
            deadline: deadlineMs,
          },
        ),
        deadlineMs + 1_000,
      )
      // The result when the connection string has throwOnAppendFailure=false.
      if (!written.success) throw new WrongRevision()
      if (!written.position) throw new StoreUnavailable('EventStoreDB returned no position for an append')
      return { revision: Number(written.nextExpectedRevision), place: written.position }
    },
    readAll: (from, limit, enough) =>
      collect(
        client.readAll({ ...ask, direction: FORWARDS, fromPosition: from ?? START, maxCount: limit }),
        enough,
      ),
    last: async () => {
      const read = client.readAll({ ...ask, direction: BACKWARDS, fromPosition: END, maxCount: 1 })
      return (await collect(read))[0] ?? null
    },
    readStream: (stream, from, limit) =>
      collect(
        client.readStream(stream, {
          ...ask,
          direction: FORWARDS,
          fromRevision: BigInt(from),
          maxCount: limit,
        }),
      ).catch(noneWhereNoStream([])),
    readBack: (stream, enough) =>
      collect(client.readStream(stream, { ...ask, direction: BACKWARDS, fromRevision: END }), enough).catch(
        noneWhereNoStream(null),
      ),
    follow: async (onEvent, signal) => {
      const subscription = client.subscribeToAll({
        credentials,
        fromPosition: END,
        filter: excludeSystemEvents(),
      })
      subscription.on('error', () => {})
      const stop = () => void subscription.unsubscribe().catch(() => {})
      signal.addEventListener('abort', stop)
      try {
        for await (const _ of subscription) onEvent()
      } catch (error) {
        if (!signal.aborted) throw understood(error)
      } finally {
        signal.removeEventListener('abort', stop)
        stop()
      }
    },
    close: async () => {
      await within(client.dispose(), 1_000, () => {})
    },
  }
}

const CREDENTIALS = /^(esdb(?:\+discover)?:\/\/)(?:([^:@/]+):([^@/]*)@)?(.*)$/s

/**
 * Removes the user and password, so that the client cannot show them. Over an insecure connection the client sends
 * none, but the unary call needs some.
 */
const withoutCredentials = (text: string) => {
  const [, scheme, user, password, rest] = CREDENTIALS.exec(text.trim()) ?? []
  if (scheme === undefined || rest === undefined || rest === '')
    throw new TypeError('It must begin with esdb:// or esdb+discover://, then user:password@host:2113')
  // Another @ may mean that part of the password is left, which the client would show.
  if (rest.includes('@') || /%(?![0-9a-f]{2})/i.test(`${user}${password}`))
    throw new TypeError('Its user and password must be percent-encoded: %40 for @, %25 for %')
  const insecure = /[?&]tls=false(&|$)/i.test(rest)
  if (user === undefined && !insecure)
    throw new TypeError('It has no user and password; only with tls=false may they be omitted')
  const credentials = {
    username: decodeURIComponent(user ?? 'nobody'),
    password: decodeURIComponent(password ?? ''),
  }
  if (!insecure && hostsOf(rest).some((host) => isIP(host) !== 0))
    throw new TypeError(
      'Over TLS its servers must be given by host name, not by IP address: a certificate is checked against the name. On a network that you trust, tls=false needs none',
    )
  return { bare: `${scheme}${rest}`, credentials }
}

/** The hosts of `host:port,[::1]:port/?options`. */
const hostsOf = (rest: string): string[] =>
  rest
    .replace(/[/?].*$/s, '')
    .split(',')
    .map((host) => /^\[(.*)\]/.exec(host)?.[1] ?? host.replace(/:\d*$/, ''))

/** The client can only be told of a file of certificates, which it reads at once, and which replaces Node's own. */
const clientOf = (bare: string, extraCa: readonly string[]): EventStoreDBClient => {
  if (extraCa.length === 0 || /[?&]tls(=false|CAFile=)/i.test(bare))
    return EventStoreDBClient.connectionString(bare)
  const folder = mkdtempSync(join(tmpdir(), 'mailtrail-ca-'))
  try {
    const file = join(folder, 'ca.pem')
    writeFileSync(file, [...rootCertificates, ...extraCa].join('\n'))
    const [address, options = ''] = bare.split('?')
    const asked = [
      ...options.split('&').filter((option) => option !== ''),
      `tlsCAFile=${encodeURIComponent(file)}`,
    ]
    return EventStoreDBClient.connectionString(`${address}?${asked.join('&')}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const UNKNOWN = 2n ** 64n - 1n

const wireEvent = (event: RecordedEvent & { readonly position?: Place }): WireEvent => {
  const { id, streamId, revision, type, data, metadata, created, position } = event
  if (!position || position.commit === UNKNOWN)
    throw new TypeError('This server returns no positions: EventStoreDB 24.6 or newer is required')
  return {
    id,
    stream: streamId,
    revision: Number(revision),
    place: { commit: position.commit, prepare: position.prepare },
    type,
    data,
    metadata,
    createdAt: created,
  }
}

const answered = <Value>(call: Promise<Value>, ms: number): Promise<Value> =>
  within(call, ms, () => {
    throw new StoreUnavailable('EventStoreDB did not answer in time')
  }).catch((error: unknown) => {
    throw understood(error)
  })

const noneWhereNoStream =
  <None>(none: None) =>
  (error: unknown): None => {
    if (error instanceof StreamNotFoundError) return none
    throw error
  }

/**
 * Errors that a retry would not fix, unchanged; anything else may be temporary: a node went down, the leader changed.
 */
const understood = (error: unknown): unknown => {
  if (error instanceof WrongExpectedVersionError) return new WrongRevision()
  if (error instanceof MaxAppendSizeExceededError) return new TooLarge()
  const isAnswer =
    error instanceof StoreUnavailable ||
    error instanceof AccessDeniedError ||
    error instanceof StreamNotFoundError ||
    error instanceof StreamDeletedError ||
    error instanceof InvalidArgumentError ||
    error instanceof UnsupportedError ||
    error instanceof TypeError
  if (isAnswer) return error
  const { type, code, message } = error as { type?: unknown; code?: unknown; message?: unknown }
  const words = [type, code, message].filter((word) => typeof word === 'string' || typeof word === 'number')
  return new StoreUnavailable(`EventStoreDB cannot be used: ${words.join(' ')}`)
}
