import type { Secret } from './credentials.ts'

type DeliveryStatus = 'waiting' | 'delivered' | 'failed'

/** One event for one endpoint. Instants are RFC 3339. */
export type Delivery = {
  readonly endpointId: string
  readonly eventId: string
  readonly type: string
  readonly stream: string
  readonly revision: number
  readonly position: string
  /** The position of the event that is delivered before it; null for the first. */
  readonly previousPosition: string | null
  readonly status: DeliveryStatus
  readonly attempts: number
  readonly firstAttemptAt: string | null
  readonly lastAttemptAt: string | null
  /** Null if it is not tried any more. */
  readonly nextAttemptAt: string | null
  /** Status code of the last answer; null if there was none. */
  readonly answer: number | null
  /** Why the last attempt failed; null if it did not. */
  readonly problem: string | null
}

/** How far the log was read for an endpoint. `last`: the position of the last event that was for it. */
export type EndpointCursor = {
  /** Counts its replays: with each, reading begins anew. */
  readonly generation: number
  readonly position: string | null
  readonly last: string | null
}

export type NewDelivery = Pick<
  Delivery,
  'eventId' | 'type' | 'stream' | 'revision' | 'position' | 'previousPosition'
>

type Attempted = {
  readonly at: Date
  readonly status: DeliveryStatus
  readonly nextAt: Date | null
  readonly answer: number | null
  readonly problem: string | null
}

type DeliveryFilter = {
  readonly endpointId: string
  readonly status?: DeliveryStatus | undefined
  readonly type?: string | undefined
}

/** What is delivered to webhook endpoints, and how far that is. */
export type WebhookDeliveries = {
  /** Of these endpoints those with a delivery that `due` finds, or whose cursor of this generation is not at `head`. */
  withWork(
    endpoints: readonly { readonly endpointId: string; readonly generation: number }[],
    head: string | null,
    now: Date,
  ): Promise<string[]>
  cursor(endpointId: string): Promise<EndpointCursor | null>
  /**
   * Adds deliveries, and moves the cursor on; both or neither. An event that was delivered or failed before is delivered
   * again. Nothing happens unless the cursor is still `from`.
   */
  add(
    endpointId: string,
    move: { readonly from: EndpointCursor | null; readonly to: EndpointCursor },
    deliveries: readonly NewDelivery[],
    now: Date,
  ): Promise<void>
  countWaiting(endpointId: string): Promise<number>
  /** Of each stream the first that waits, if it is due; none of the streams named. */
  due(endpointId: string, now: Date, except: readonly string[], limit: number): Promise<Delivery[]>
  attempted(delivery: Delivery, attempt: Attempted): Promise<void>
  /** Whether a delivery to the endpoint succeeded at this instant or later. */
  succeededSince(endpointId: string, since: string): Promise<boolean>
  /** All that waits is due now, as if it had not been tried. */
  hurry(endpointId: string, now: Date): Promise<void>
  /** Has it delivered again. @returns false if there is no such delivery */
  again(endpointId: string, eventId: string, now: Date): Promise<boolean>
  find(endpointId: string, eventId: string): Promise<Delivery | null>
  /** By position. */
  list(
    filter: DeliveryFilter,
    page: { readonly descending: boolean; readonly after: string | null; readonly limit: number },
  ): Promise<Delivery[]>
  /** Deletes those of deleted endpoints, and others that ended before this instant. */
  sweep(deletedEndpoints: readonly string[], before: Date): Promise<void>
}

/** Signatures as Standard Webhooks has them (https://www.standardwebhooks.com, "Signature scheme"). */
export type WebhookSigner = {
  /** `whsec_` and 32 bytes in base64; the same whenever it is asked for. */
  secret(endpointId: string, version: number): Secret
  /** The headers of a request with this body, signed with each of the secrets. */
  headers(
    secrets: readonly Secret[],
    message: { readonly id: string; readonly at: Date; readonly body: string },
  ): Readonly<Record<string, string>>
}

/** What became of a request. `retryAfterMs`: how long the receiver asks to wait. */
export type Posted =
  | { readonly status: number; readonly retryAfterMs: number | null }
  | { readonly status: null; readonly problem: string }

/** Posts JSON. Whatever goes wrong is an answer, except that `signal` aborted. */
export type PostJson = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<Posted>
