import type { RecordedEvent } from '../domain/event.ts'
import { ownMember } from '../domain/own-member.ts'

/** At which revision a stream has to be: at one of these, at any (it is there), or at none (it is not). */
export type IfRevision = number | readonly number[] | 'any' | 'none'

/** `revision` is null if there is nothing. */
export const meets = (asked: IfRevision | undefined, revision: number | null): boolean => {
  if (asked === undefined) return true
  if (asked === 'any' || asked === 'none') return (asked === 'any') === (revision !== null)
  return [asked].flat().includes(revision ?? -1)
}

/** An event that the caller has not seen, and the names of the fields that it changed; values are read elsewhere. */
export type UnseenChange = {
  readonly version: string
  readonly event: string
  readonly at: string
  readonly fields: string[]
}

/** The stream is at another revision than the caller asks for. `actual` is null if there is nothing. */
export class StaleRevision extends Error {
  override readonly name = 'StaleRevision'
  readonly actual: number | null
  readonly changes: UnseenChange[]

  constructor(actual: number | null, changes: UnseenChange[]) {
    super(`The version is ${actual ?? 'none'}`)
    this.actual = actual
    this.changes = changes
  }
}

/** `history` as far as it is known, in whole: changes are told by it. */
export const staleRevision = (
  asked: IfRevision | undefined,
  actual: number | null,
  history: readonly RecordedEvent[],
): StaleRevision => {
  const seen = typeof asked === 'string' || asked === undefined ? Infinity : Math.max(...[asked].flat())
  return new StaleRevision(actual, changesAfter(seen, history))
}

const changesAfter = (seen: number, history: readonly RecordedEvent[]): UnseenChange[] => {
  const before = new Map<string, unknown>()
  return history.flatMap(({ revision, type, data, metadata }) => {
    const fields = Object.entries(data as Record<string, unknown>).flatMap(([name, value]) => {
      const changed = changedIn(name, before.get(name), value)
      before.set(name, value)
      return changed
    })
    return revision > seen ? [{ version: `"${revision}"`, event: type, at: metadata.occurredAt, fields }] : []
  })
}

/** The field itself, or those in it as `settings.displayName`. */
const changedIn = (name: string, before: unknown, after: unknown): string[] => {
  if (!isRecord(before) || !isRecord(after)) return isEqual(before, after) ? [] : [name]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => !isEqual(ownMember(before, key), ownMember(after, key)))
    .map((key) => `${name}.${key}`)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isEqual = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
