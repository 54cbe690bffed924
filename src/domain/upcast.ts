import type { EventDefinition, RecordedEvent } from './event.ts'

/**
 * An event of a known kind in a shape that this software does not know, most likely written by a newer version.
 * Continuing without it would be wrong, so reading ends before it. `event` is as stored, `kind` the current name of its
 * kind.
 */
export class UnknownShape extends Error {
  override readonly name = 'UnknownShape'
  readonly event: RecordedEvent
  readonly kind: string

  constructor(event: RecordedEvent, { type, version }: EventDefinition) {
    super(
      `Event ${event.revision} of ${event.stream} is ${event.type} in version ${event.metadata.schemaVersion}, ` +
        `and this software knows ${type} only up to version ${version}: run the version that wrote it, or a newer one`,
    )
    this.event = event
    this.kind = type
  }
}

export type Upcaster = {
  /**
   * The event in the current shape and under the current name of its kind; everything else as stored. An event of an
   * unknown kind is returned unchanged.
   * @throws UnknownShape
   */
  readonly upcast: (event: RecordedEvent) => RecordedEvent
  /** The names of these kinds, and their former names. */
  readonly storedNames: (types: readonly string[]) => readonly string[]
}

/** What is known of a kind: `names` are those of its shapes, from version 1 to the current one. */
type Kind = { readonly definition: EventDefinition; readonly names: readonly string[] }

/** @throws TypeError if one name stands for two kinds */
export const upcaster = (definitions: Iterable<EventDefinition>): Upcaster => {
  const kinds = new Map<string, Kind>()
  const renamed = new Map<string, readonly string[]>()
  for (const definition of definitions) {
    const { type, former } = definition
    const names = [...former.map((shape) => shape.type ?? type), type]
    const distinct = [...new Set(names)]
    for (const name of distinct) {
      if (kinds.has(name)) throw new TypeError(`${name} is the name of two kinds of events`)
      kinds.set(name, { definition, names })
    }
    if (distinct.length > 1) renamed.set(type, distinct)
  }
  return {
    upcast: (event) => {
      const kind = kinds.get(event.type)
      return kind === undefined || isPresent(event, kind.definition) ? event : inPresentShape(event, kind)
    },
    storedNames: (types) =>
      renamed.size === 0 ? types : types.flatMap((type) => renamed.get(type) ?? [type]),
  }
}

const isPresent = ({ type, metadata }: RecordedEvent, definition: EventDefinition): boolean =>
  metadata.schemaVersion === definition.version && type === definition.type

const inPresentShape = (event: RecordedEvent, { definition, names }: Kind): RecordedEvent => {
  const { type, version, former } = definition
  const stored = event.metadata.schemaVersion
  if (names[stored - 1] !== event.type) throw new UnknownShape(event, definition)
  const data = former.slice(stored - 1).reduce((of, { upcast }) => upcast(of as never), event.data)
  return { ...event, type, data, metadata: { ...event.metadata, schemaVersion: version } }
}
