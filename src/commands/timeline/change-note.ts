import type { Note } from '../../domain/timeline/events.ts'
import { noteStream, timelineNote, type NoteState } from '../../domain/timeline/note.ts'
import type { Caller, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { isThere } from './find-note.ts'
import { presentRecords, type NoteDeps } from './record-note.ts'

/** Changes what is named of an entry of the CRM. @throws NotFound, StaleRevision */
export const changeNote =
  (deps: NoteDeps) =>
  async (
    caller: Caller,
    entryId: string,
    { records, ...others }: Partial<Note>,
    ifRevision: IfRevision,
  ): Promise<Handled<NoteState>> => {
    const changes = records ? { ...others, records: await presentRecords(deps)(records) } : others
    const command = { do: 'change', entryId, changes } as const
    return deps.handle(timelineNote, noteStream(entryId), command, caller, { ifRevision, isThere })
  }
