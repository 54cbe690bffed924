import { noteStream, timelineNote, type NoteState } from '../../domain/timeline/note.ts'
import type { Caller, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { isThere } from './find-note.ts'
import type { NoteDeps } from './record-note.ts'

/** Takes an entry of the CRM off all timelines. @throws NotFound, StaleRevision */
export const removeNote =
  (deps: Pick<NoteDeps, 'handle'>) =>
  (caller: Caller, entryId: string, ifRevision?: IfRevision): Promise<Handled<NoteState>> =>
    deps.handle(timelineNote, noteStream(entryId), { do: 'remove', entryId }, caller, { ifRevision, isThere })
