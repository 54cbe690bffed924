import type { z } from 'zod'

/** Event data and state are plain JSON, so that replaying stored events gives the same result as the first run. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** A fact as deciders write and read it. */
export type DomainEvent<Type extends string = string, Data = unknown> = {
  readonly type: Type
  readonly data: Data
}

/**
 * A shape in which events of a kind were once stored, and the upcast to the next one: a pure function of the data, one
 * event to one. `type` is its former name, if that was different.
 */
export type FormerShape = { readonly type?: string; readonly upcast: (data: never) => unknown }

/**
 * A kind of event: its permanent name, and its schema. Calling it makes an event. `version` is that of the shape
 * written now, `former` are the shapes before it, from version 1 on.
 */
export type EventDefinition<Type extends string = string, Schema extends z.ZodType = z.ZodType> = {
  (data: z.infer<Schema>): DomainEvent<Type, z.infer<Schema>>
  readonly type: Type
  readonly schema: Schema
  readonly version: number
  readonly former: readonly FormerShape[]
}

/**
 * Defines a kind of event: its name and the schema of its data, which must be plain JSON. A shape that older events do
 * not fit is a new version: append the old one to `former`, with its upcast.
 */
export const defineEvent = <Type extends string, Schema extends z.ZodType>(
  type: Type,
  schema: Schema,
  former: readonly FormerShape[] = [],
): EventDefinition<Type, Schema> =>
  Object.assign((data: z.infer<Schema>) => ({ type, data }), {
    type,
    schema,
    version: former.length + 1,
    former,
  })

/** The union of the events of the given definitions. */
export type EventOf<Definition> =
  Definition extends EventDefinition<infer Type, infer Schema> ? DomainEvent<Type, z.infer<Schema>> : never

/** What happened, in plain words: a sentence for each kind of event, made of its data. */
export type Sentences<Event extends DomainEvent> = {
  readonly [Type in Event['type']]: (data: Extract<Event, { readonly type: Type }>['data']) => string
}

/**
 * Who caused an event: a user of the CRM, a program with an API key, or Mailtrail itself. `via` is the API key of a
 * user's request. One that is bound to the user stands for the user; with any other, a program acted for the user.
 */
export type Actor = {
  readonly kind: 'user' | 'api-key' | 'system'
  readonly id: string
  readonly via?: { readonly apiKey: string; readonly bound: boolean }
}

/** `user u1`, and if a program acted for the user, with which API key. */
export const actorInWords = ({ kind, id, via }: Actor): string =>
  via && !via.bound ? `${kind} ${id}, through API key ${via.apiKey}` : `${kind} ${id}`

/**
 * Stored beside the data of each event. `occurredAt` is the time at the source, `recordedAt` when the store recorded
 * it. `traceparent` (W3C Trace Context) names the trace in which it was appended, if any.
 */
export type EventMetadata = {
  readonly actor: Actor
  readonly commandId: string
  readonly correlationId: string
  readonly causationId: string | null
  readonly occurredAt: string
  readonly schemaVersion: number
  readonly traceparent?: string
}

declare const position: unique symbol
/**
 * A place in the log, after which reading can continue. Opaque; positions of one store can be compared as strings, and
 * nothing else.
 */
export type Position = string & { readonly [position]: true }

/** An event as stored in the log. `revision` counts from 0 in its stream; times are RFC 3339 in UTC. */
export type RecordedEvent<Event extends DomainEvent = DomainEvent> = Event & {
  readonly id: string
  readonly stream: string
  readonly revision: number
  readonly position: Position
  readonly recordedAt: string
  readonly metadata: EventMetadata
}
