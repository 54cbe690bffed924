import type { Position } from '../../domain/event.ts'
import { entry, entryStream, type Entry } from '../../domain/directory/entry.ts'
import type { Load } from '../handle.ts'

export type FoundEntry<Kind extends Entry['kind']> = {
  readonly value: Extract<Entry, { kind: Kind }>['value']
  readonly revision: number
  readonly position: Position | null
}

/** A record of the CRM from its stream, so never behind; null for what it never put, or removed. */
export const findEntry =
  (deps: { load: Load }) =>
  async <Kind extends Entry['kind']>(kind: Kind, id: string): Promise<FoundEntry<Kind> | null> => {
    const { state, revision, position } = await deps.load(entry, entryStream(kind, id))
    if (state.status === 'absent') return null
    // The stream's own name guarantees the kind.
    return { value: state.value as FoundEntry<Kind>['value'], revision, position }
  }
