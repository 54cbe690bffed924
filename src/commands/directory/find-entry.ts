import type { Position } from '../../domain/event.ts'
import { entry, entryStream, type Entry } from '../../domain/directory/entry.ts'
import type { Load } from '../handle.ts'

/** `id` is not the one asked for if that contact was merged into another. */
export type FoundEntry<Kind extends Entry['kind']> = {
  readonly id: string
  readonly value: Extract<Entry, { kind: Kind }>['value']
  readonly revision: number
  readonly position: Position | null
}

/**
 * A record of the CRM from its stream, so never behind; null for what it never put, or removed. The id of a contact that
 * was merged leads to the one that it was merged into.
 */
export const findEntry =
  (deps: { load: Load }) =>
  async <Kind extends Entry['kind']>(kind: Kind, asked: string): Promise<FoundEntry<Kind> | null> => {
    const passed = new Set<string>()
    for (let id = asked; !passed.has(id);) {
      passed.add(id)
      const { state, revision, position } = await deps.load(entry, entryStream(kind, id))
      if (state.status === 'absent') return null
      // The stream's own name guarantees the kind.
      if (state.status === 'present')
        return { id, value: state.value as FoundEntry<Kind>['value'], revision, position }
      id = state.into
    }
    return null
  }
