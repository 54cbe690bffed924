import {
  entry,
  entryStream,
  isThere,
  type EntryState,
  type RemovableKind,
} from '../../domain/directory/entry.ts'
import type { Caller, Handle, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Removes a record of the CRM. One that is not there stays so. */
export const removeEntry =
  (deps: { handle: Handle }) =>
  (caller: Caller, kind: RemovableKind, id: string, ifRevision?: IfRevision): Promise<Handled<EntryState>> =>
    deps.handle(entry, entryStream(kind, id), { do: 'remove', kind, id }, caller, { ifRevision, isThere })
