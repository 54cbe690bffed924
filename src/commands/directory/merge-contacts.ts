import { NotFound } from '../../domain/decider.ts'
import { contactMerged, entry, entryStream, isThere } from '../../domain/directory/entry.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { eventIdOf, type Caller, type Handle, type Load } from '../handle.ts'
import { RevisionConflict } from '../ports/event-log.ts'
import { meets, StaleRevision, staleRevision, type IfRevision } from '../revisions.ts'
import { findEntry, type FoundEntry } from './find-entry.ts'

const mergedIntoItself = defineRefusal('merged-into-itself', {
  title: 'Merged into itself',
  meaning: 'A contact cannot be merged into itself, nor into one that was merged into it.',
  remedy: 'Name two different contacts.',
})

export type MergeContacts = {
  readonly contactId: string
  readonly into: string
  readonly ifRevision?: IfRevision | undefined
}

/**
 * Merges a contact into another: the survivor takes the addresses that it lacks, then the contact is gone and its id
 * leads to the survivor. Two streams, one after the other: after a crash in between both contacts are still there, and
 * doing it again completes it. The survivor's stream is written to in any case, so that of two contacts that are merged
 * into each other at the same moment one is refused.
 * @throws NotFound, Refused, StaleRevision; RevisionConflict if the contact was changed meanwhile
 */
export const mergeContacts =
  (deps: { readonly handle: Handle; readonly load: Load }) =>
  async (caller: Caller, { contactId, into, ifRevision }: MergeContacts): Promise<FoundEntry<'contact'>> => {
    const find = findEntry(deps)
    const survivor = await find('contact', into)
    if (!survivor) throw new NotFound('contact', into)
    const stream = entryStream('contact', contactId)
    const { state, revision } = await deps.load(entry, stream)
    if (state.status === 'merged' && (await find('contact', contactId))?.id === survivor.id) return survivor
    if (survivor.id === contactId) throw mergedIntoItself()
    if (state.status === 'merged') throw contactMerged({ details: { into: state.into } })
    const standing = state.status === 'present' ? revision : null
    if (!meets(ifRevision, standing)) throw staleRevision(ifRevision, standing, [])
    const merged = await find('contact', contactId)
    if (!merged) throw new NotFound('contact', contactId)
    // A command of its own for each version of the contact: what one that was changed since has is not taken as done.
    const taking = { ...caller, commandId: eventIdOf(caller.commandId, stream, merged.revision) }
    const taken = await deps.handle(
      entry,
      entryStream('contact', survivor.id),
      { do: 'take', id: survivor.id, from: contactId, contact: merged.value },
      taking,
      { isThere },
    )
    const handled = await deps
      .handle(entry, stream, { do: 'merge', id: contactId, into: survivor.id }, caller, {
        ifRevision: merged.revision,
        isThere,
      })
      .catch((error: unknown) => {
        if (!(error instanceof StaleRevision) || ifRevision !== undefined) throw error
        throw new RevisionConflict(stream, merged.revision, error.actual ?? -1)
      })
    const found = await find('contact', survivor.id)
    if (!found) throw new NotFound('contact', survivor.id)
    return { ...found, position: handled.position ?? taken.position }
  }
