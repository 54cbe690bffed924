import { entry, entryStream, isThere, type Entry, type EntryState } from '../../domain/directory/entry.ts'
import type { Caller, Handle, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Removes a record of the CRM. One that is not there stays so. */
export const removeEntry =
  (deps: { handle: Handle }) =>
  (
    caller: Caller,
    kind: Exclude<Entry['kind'], 'organization'>,
    id: string,
    ifRevision?: IfRevision,
  ): Promise<Handled<EntryState>> =>
    deps.handle(entry, entryStream(kind, id), { do: 'remove', kind, id }, caller, { ifRevision, isThere })
