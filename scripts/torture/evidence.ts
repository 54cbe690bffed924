import type { Pool } from 'pg'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { AccountEvent } from '../../src/domain/accounts/events.ts'
import type { DirectoryEvent } from '../../src/domain/directory/events.ts'
import type { DomainEvent, Position, RecordedEvent } from '../../src/domain/event.ts'
import type { LinkEvent, MatchingEvent, SenderEvent } from '../../src/domain/linking/events.ts'
import type { OutgoingEvent } from '../../src/domain/sending/events.ts'
import type { MessageEvent, SyncRunEvent } from '../../src/domain/sync/events.ts'
import type { PresenceEvent } from '../../src/domain/sync/presence-events.ts'
import type { TemplateEvent } from '../../src/domain/templates/events.ts'
import type { TrackingEvent } from '../../src/domain/tracking/events.ts'
import type { Commander } from './commander.ts'
import type { Fire } from './fire.ts'
import type { Asked } from './load.ts'
import type { World } from './world.ts'

type Known =
  | AccountEvent
  | DirectoryEvent
  | LinkEvent
  | MatchingEvent
  | OutgoingEvent
  | PresenceEvent
  | SenderEvent
  | MessageEvent
  | SyncRunEvent
  | TemplateEvent
  | TrackingEvent
type RecordedOf<Event> = Event extends DomainEvent ? RecordedEvent<Event> : never
export type Logged = RecordedOf<Known>
export type LoggedOf<Type extends Known['type']> = Extract<Logged, { type: Type }>

/** The whole log, and what is known outside it. The service is stopped; the database is open. */
export type Evidence = {
  readonly folder: string
  readonly world: World
  readonly fire: Fire
  readonly commander: Commander
  readonly asked: Asked
  readonly pool: Pool
  readonly store: EventStore
  readonly events: readonly Logged[]
  /** Checkpoints that moved back, as seen after restarts. */
  readonly wentBack: readonly string[]
}

/** The result of an invariant. `looked` says how much was checked; `broken` lists the violations. */
export type Verdict = { readonly looked: string; readonly broken: readonly string[] }
export type Invariant = {
  readonly name: string
  /** Meaningful only if the service had come to rest. */
  readonly atRest: boolean
  readonly check: (evidence: Evidence) => Promise<Verdict> | Verdict
}

export const readLog = async (store: EventStore): Promise<Logged[]> => {
  const events: Logged[] = []
  let after: Position | null = null
  for (;;) {
    const page: Awaited<ReturnType<EventStore['readAll']>> = await store.readAll({ after, limit: 2000 })
    events.push(...(page.events as unknown as Logged[]))
    if (page.atHead) return events
    after = page.position
  }
}

export const ofType = <Type extends Known['type']>(
  events: readonly Logged[],
  ...types: Type[]
): LoggedOf<Type>[] => {
  const wanted = new Set<string>(types)
  return events.filter((event): event is LoggedOf<Type> => wanted.has(event.type))
}
