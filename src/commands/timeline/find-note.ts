import type { Position } from '../../domain/event.ts'
import type { Note } from '../../domain/timeline/events.ts'
import { noteStream, timelineNote, type NoteState } from '../../domain/timeline/note.ts'
import type { NoteDeps } from './record-note.ts'

export const isThere = ({ status }: NoteState): boolean => status === 'there'

/** An entry of the CRM from its stream, so never behind. */
export const findNote =
  (deps: Pick<NoteDeps, 'load'>) =>
  async (entryId: string): Promise<{ note: Note; revision: number; position: Position | null } | null> => {
    const { state, revision, position } = await deps.load(timelineNote, noteStream(entryId))
    return state.status === 'there' ? { note: state.note, revision, position } : null
  }
