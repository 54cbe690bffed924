import type { z } from 'zod'

/** What event data and state are made of: plain JSON, so that a replay of stored bytes is the same as the first run. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** A fact as deciders write and read it. */
export type DomainEvent<Type extends string = string, Data = unknown> = {
  readonly type: Type
  readonly data: Data
}

/**
 * A shape in which events of a kind were once stored, and the way from it to the next one: a pure function of the
 * data, one event to one. `type` is the name of then, where it was another.
 */
export type FormerShape = { readonly type?: string; readonly upcast: (data: never) => unknown }

/**
 * A kind of event: its name, which is for ever, and its schema. Called, it makes one. `version` is that of the shape
 * which is written now, `former` are those before it, from 1 on.
 */
export type EventDefinition<Type extends string = string, Schema extends z.ZodType = z.ZodType> = {
  (data: z.infer<Schema>): DomainEvent<Type, z.infer<Schema>>
  readonly type: Type
  readonly schema: Schema
  readonly version: number
  readonly former: readonly FormerShape[]
}

/**
 * Defines a kind of event: its name and the schema of its data, which must be plain JSON. A shape that events of
 * before do not fit is a new version: the old one goes to the end of `former`, with its upcast.
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

/** The union of the events that the given definitions make. */
export type EventOf<Definition> =
  Definition extends EventDefinition<infer Type, infer Schema> ? DomainEvent<Type, z.infer<Schema>> : never

/** Who caused an event: a person of the CRM, a program with an API key, or Mailtrail itself. */
export type Actor = { readonly kind: 'user' | 'api-key' | 'system'; readonly id: string }

/**
 * Beside the data of each event. `occurredAt` is the time at the source, `recordedAt` of the record the store's.
 * `traceparent` (W3C Trace Context) names the trace in which it was appended, where there was one.
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
 * A place in the log of all events, after which one may read on. Opaque; two positions of one store compare
 * as strings, and nothing else may be done with them.
 */
export type Position = string & { readonly [position]: true }

/** An event as the log keeps it. `revision` counts from 0 in its stream; times are RFC 3339 in UTC. */
export type RecordedEvent<Event extends DomainEvent = DomainEvent> = Event & {
  readonly id: string
  readonly stream: string
  readonly revision: number
  readonly position: Position
  readonly recordedAt: string
  readonly metadata: EventMetadata
}
