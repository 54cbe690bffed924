import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import type { EventDefinition, RecordedEvent } from '../../src/domain/event.ts'
import { upcaster } from '../../src/domain/upcast.ts'
import { recordedEvents } from './fold-events.ts'
import { misfits, unshown, type JsonSchema } from './schema-fit.ts'

/** Data as it was stored once; `type` is the name of then, where it was another. */
export type Shape = {
  readonly type?: string
  readonly schemaVersion: number
  readonly note: string
  readonly data: unknown
}

/** What the present shape of a kind was when somebody last looked: what fits it must go on to fit. */
export type Snapshot = { readonly version: number; readonly schema: JsonSchema }

const folder = path.join(path.dirname(import.meta.dirname), 'fixtures', 'events')
const SCHEMA = '.schema.json'

const read = (name: string): unknown => {
  const file = path.join(folder, name)
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null
}

/** Every shape in which events of a kind were ever stored, oldest first. */
export const shapesOf = (type: string): Shape[] => (read(`${type}.json`) ?? []) as Shape[]

export const snapshotOf = (type: string): Snapshot | null => read(`${type}${SCHEMA}`) as Snapshot | null

/** The kinds that there are fixtures or snapshots of. */
export const fixtureTypes = (): string[] => [
  ...new Set(fs.readdirSync(folder).map((name) => name.replace(/(\.schema)?\.json$/, ''))),
]

/** The form of the data as it is read: without defaults, which nobody puts in on reading, and without descriptions. */
export const presentSchema = ({ schema }: EventDefinition): JsonSchema =>
  JSON.parse(JSON.stringify(z.toJSONSchema(schema, { metadata: z.registry() }))) as JsonSchema

export const saveSnapshot = (definition: EventDefinition): void => {
  const snapshot: Snapshot = { version: definition.version, schema: presentSchema(definition) }
  fs.writeFileSync(path.join(folder, `${definition.type}${SCHEMA}`), `${JSON.stringify(snapshot, null, 2)}\n`)
}

/** An event as the log holds it in this shape. */
const storedEvent = (type: string, shape: Shape): RecordedEvent => {
  const [event] = recordedEvents([{ type: shape.type ?? type, data: shape.data }])
  return { ...event!, metadata: { ...event!.metadata, schemaVersion: shape.schemaVersion } }
}

/** All shapes of these kinds, as everybody reads them. */
export const presentEvents = (definitions: readonly EventDefinition[]): RecordedEvent[] => {
  const { upcast } = upcaster(definitions)
  return definitions.flatMap(({ type }) => shapesOf(type).map((shape) => upcast(storedEvent(type, shape))))
}

/** What keeps events of before from being read as the kind is defined now, each with what to do; [] where nothing does. */
export const faultsOf = (
  definition: EventDefinition,
  shapes: readonly Shape[],
  snapshot: Snapshot | null,
): string[] => [...faultsOfShapes(definition, shapes), ...(snapshot ? faultsSince(snapshot, definition) : [])]

/** Whether the snapshot is to be made anew, nothing being wrong with the change. */
export const isStale = (definition: EventDefinition, snapshot: Snapshot | null): boolean =>
  snapshot?.version !== definition.version ||
  JSON.stringify(snapshot.schema) !== JSON.stringify(presentSchema(definition))

const faultsOfShapes = (definition: EventDefinition, shapes: readonly Shape[]): string[] => {
  const { type, version } = definition
  const versions = Array.from({ length: version }, (_, index) => index + 1)
  const missing = versions.filter((nth) => !shapes.some(({ schemaVersion }) => schemaVersion === nth))
  if (missing.length > 0)
    return [`${type}.json has no shape of version ${missing.join(', ')}: add one, full and minimal`]
  const { upcast } = upcaster([definition])
  return [
    ...shapes.flatMap((shape) => {
      try {
        const { data } = upcast(storedEvent(type, shape))
        assert.deepStrictEqual(definition.schema.parse(data), data)
        return []
      } catch (error) {
        return [`${type}, "${shape.note}" (version ${shape.schemaVersion}): ${String(error)}`]
      }
    }),
    ...unshown(
      presentSchema(definition),
      shapes.filter(({ schemaVersion }) => schemaVersion === version).map(({ data }) => data),
    ).map((what) => `${type}.json: ${what} in version ${version}: add a shape that shows it`),
  ]
}

const faultsSince = (snapshot: Snapshot, definition: EventDefinition): string[] => {
  const { type, version } = definition
  if (snapshot.version > version)
    return [`${type} went back from version ${snapshot.version} to ${version}: its events are in logs`]
  if (snapshot.version < version) return []
  return misfits(snapshot.schema, presentSchema(definition)).map(
    (what) =>
      `${type}: ${what}, and events of version ${version} are in logs. Make the change one that they fit (a new ` +
      `field optional, without a default), or a new version: give defineEvent the former shape with its upcast, ` +
      `and ${type}.json shapes of version ${version + 1}`,
  )
}
