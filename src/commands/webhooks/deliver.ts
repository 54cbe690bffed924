import { catalogue, type AnyEvent } from '../../domain/catalogue.ts'
import type { Position, RecordedEvent } from '../../domain/event.ts'
import { isForWebhooks } from '../../domain/notifications/who-sees.ts'
import { endpointStream, webhookEndpoint, type KnownEndpoint } from '../../domain/webhooks/endpoint.ts'
import { nextAttempt } from '../../domain/webhooks/retries.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventStore } from '../ports/event-log.ts'
import type { Leases } from '../ports/leases.ts'
import type {
  Delivery,
  EndpointCursor,
  NewDelivery,
  PostJson,
  Posted,
  WebhookDeliveries,
  WebhookSigner,
} from '../ports/webhooks.ts'
import { underLease } from '../to-do-work.ts'
import { payloadOf } from './payload.ts'

/** An endpoint to deliver to, and where its reading of the log begins. */
export type ActiveEndpoint = KnownEndpoint & {
  readonly beginsAfter: string | null
  readonly generation: number
}

export type DeliverDeps = {
  readonly store: Pick<EventStore, 'readAll' | 'readStream' | 'head' | 'isPosition'>
  readonly handle: Handle
  readonly leases: Leases
  readonly clock: Clock
  readonly chance: () => number
  readonly deliveries: WebhookDeliveries
  readonly signer: WebhookSigner
  readonly post: PostJson
  readonly activeEndpoints: () => Promise<readonly ActiveEndpoint[]>
}

/** How many endpoints a process delivers to at once, so that a slow one holds up no other. */
export const WEBHOOK_LANES = 4
/** How many requests to an endpoint run at once, each of another stream. */
const AT_ONCE = 16
/** The log is read on for an endpoint while fewer wait than this. */
const MOST_WAITING = 1000
const PAGE = 500
/** After this long an endpoint is looked up again: somebody may have changed, disabled or deleted it. */
const ROUND_MS = 5_000
/**
 * An endpoint that another process delivers to, that was disabled, that met a fault or for which too much waits already is
 * left alone for this long.
 */
const LEFT_ALONE_MS = 2000

/**
 * Delivers to an endpoint that has something due, under its lease; false if none has. At least once, and of each stream
 * in order: the next event of a stream waits until the one before was delivered or given up.
 */
export const deliverDue = (deps: DeliverDeps) => {
  const running = new Set<string>()
  const leftUntil = new Map<string, number>()
  const next = async (): Promise<ActiveEndpoint | undefined> => {
    const endpoints = (await deps.activeEndpoints()).filter(
      ({ endpointId }) => !running.has(endpointId) && performance.now() >= (leftUntil.get(endpointId) ?? 0),
    )
    if (endpoints.length === 0) return undefined
    const head = await deps.store.head()
    const found = new Set(await deps.deliveries.withWork(endpoints, head, deps.clock()))
    // In the meantime another lane may have taken one.
    return endpoints.find(({ endpointId }) => found.has(endpointId) && !running.has(endpointId))
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const endpoint = await next()
    if (!endpoint) return false
    const { endpointId } = endpoint
    running.add(endpointId)
    leftUntil.set(endpointId, performance.now() + LEFT_ALONE_MS)
    try {
      const lease = await deps.leases.acquire(`webhook:${endpointId}`, signal)
      const hasMoved =
        lease !== null && (await underLease(lease, signal, (stop) => deliverTo(deps, endpoint, stop)))
      if (hasMoved) leftUntil.delete(endpointId)
      return true
    } finally {
      running.delete(endpointId)
    }
  }
}

/** Until nothing is due, or a round is over. @returns false if nothing was done, or the endpoint was disabled */
const deliverTo = async (
  deps: DeliverDeps,
  endpoint: ActiveEndpoint,
  signal: AbortSignal,
): Promise<boolean> => {
  const { endpointId } = endpoint
  const inFlight = new Map<string, Promise<unknown>>()
  const disabled = new AbortController()
  const faults: unknown[] = []
  const start = (delivery: Delivery) => {
    const attempt = deliver(deps, endpoint, delivery, signal)
      .then((isActive) => isActive || disabled.abort())
      .catch((fault: unknown) => {
        faults.push(fault)
        disabled.abort()
      })
      .finally(() => inFlight.delete(delivery.stream))
    inFlight.set(delivery.stream, attempt)
  }
  let hasRoom = true
  let hasMoved = false
  const endsAt = performance.now() + ROUND_MS
  while (!signal.aborted && !disabled.signal.aborted && performance.now() < endsAt) {
    if (hasRoom && (await readOn(deps, endpoint))) hasMoved = true
    const streams = [...inFlight.keys()]
    const room = AT_ONCE - streams.length
    const due = await deps.deliveries.due(endpointId, deps.clock(), streams, room)
    due.forEach(start)
    if (due.length > 0) hasMoved = true
    hasRoom = due.length < room
    if (inFlight.size === 0) break
    await Promise.race(inFlight.values())
  }
  await Promise.all(inFlight.values())
  if (faults.length > 0 && !signal.aborted)
    throw new AggregateError(faults, 'What came of deliveries could not be recorded')
  return hasMoved && !disabled.signal.aborted
}

/** Adds what the log has for the endpoint beyond its cursor, unless too much waits already. @returns whether there was more */
const readOn = async (
  { store, deliveries, clock }: DeliverDeps,
  { endpointId, endpoint, beginsAfter, generation }: ActiveEndpoint,
): Promise<boolean> => {
  const from = await deliveries.cursor(endpointId)
  const start: EndpointCursor =
    from?.generation === generation ? from : { generation, position: beginsAfter, last: beginsAfter }
  const after = start.position as Position | null
  if (from === start && after === (await store.head())) return false
  if ((await deliveries.countWaiting(endpointId)) >= MOST_WAITING) return false
  const filter = endpoint.types.length === 0 ? {} : { filter: { types: endpoint.types } }
  const page = await store.readAll({ after, limit: PAGE, ...filter })
  const known = page.events.filter(({ type }) => catalogue.has(type)) as RecordedEvent<AnyEvent>[]
  const events = known.filter(isForWebhooks)
  const to = { generation, position: page.position, last: events.at(-1)?.position ?? start.last }
  await deliveries.add(endpointId, { from, to }, asDeliveries(events, start.last), clock())
  return true
}

const asDeliveries = (events: readonly RecordedEvent[], last: string | null): NewDelivery[] =>
  events.map(({ id, type, stream, revision, position }, index) => ({
    eventId: id,
    type,
    stream,
    revision,
    position,
    previousPosition: events[index - 1]?.position ?? last,
  }))

/** One attempt, and what follows from it. @returns whether the endpoint is still to be delivered to */
const deliver = async (
  deps: DeliverDeps,
  endpoint: ActiveEndpoint,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<boolean> => {
  const { store, clock, signer, deliveries, post } = deps
  const [event] = await store.readStream(delivery.stream, { after: delivery.revision - 1, limit: 1 })
  if (!event) throw new Error(`The event ${delivery.eventId} to deliver is not in the log`)
  const { url, payload } = endpoint.endpoint
  const body = payloadOf(event as RecordedEvent<AnyEvent>, delivery.previousPosition, payload)
  const at = clock()
  const secrets = versionsAt(endpoint, at).map((version) => signer.secret(endpoint.endpointId, version))
  const posted = await post(url, signer.headers(secrets, { id: event.id, at, body }), body, signal)
  if (signal.aborted) return false
  if (posted.status !== null && posted.status >= 200 && posted.status < 300) {
    const done = { at, status: 'delivered', nextAt: null, answer: posted.status, problem: null } as const
    await deliveries.attempted(delivery, done)
    return true
  }
  return failed(deps, endpoint, delivery, at, posted)
}

/** Of the secrets that sign. */
const versionsAt = ({ secretVersion, formerValidUntil }: KnownEndpoint, now: Date): number[] =>
  formerValidUntil !== null && Date.parse(formerValidUntil) > now.getTime()
    ? [secretVersion, secretVersion - 1]
    : [secretVersion]

const GONE = 410

const failed = async (
  deps: DeliverDeps,
  { endpointId }: ActiveEndpoint,
  delivery: Delivery,
  at: Date,
  posted: Posted,
): Promise<boolean> => {
  const { clock, chance, deliveries, handle } = deps
  const now = clock()
  const attempts = delivery.attempts + 1
  const problem = posted.status === null ? posted.problem : `answer-${posted.status}`
  const firstAt = new Date(delivery.firstAttemptAt ?? at)
  const askedMs = posted.status === null ? null : posted.retryAfterMs
  const nextAt = nextAttempt({ attempts, firstAt, now, askedMs }, chance())
  const decide = (command: Parameters<typeof webhookEndpoint.decide>[0]) =>
    handle(
      webhookEndpoint,
      endpointStream(endpointId),
      command,
      systemCaller('deliver webhooks', clock, endpointId),
      {
        insist: true,
      },
    )
  const isDead = nextAt === null && !(await deliveries.succeededSince(endpointId, firstAt.toISOString()))
  // Of an endpoint that is switched off nothing is given up: it goes on where it is once somebody enables it.
  const givenUp = nextAt === null && !isDead
  if (givenUp) await decide({ do: 'give-up', endpointId, eventId: delivery.eventId, attempts, problem })
  await deliveries.attempted(delivery, {
    at,
    status: givenUp ? 'failed' : 'waiting',
    nextAt: isDead ? now : nextAt,
    answer: posted.status,
    problem,
  })
  if (posted.status !== GONE && !isDead) return true
  await decide({ do: 'disable', endpointId, reason: isDead ? 'failing' : 'gone' })
  return false
}
