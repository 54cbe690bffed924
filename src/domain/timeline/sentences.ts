import type { Sentences } from '../event.ts'
import type { NoteEvent } from './events.ts'

export const timelineSentences: Sentences<NoteEvent> = {
  NoteRecorded: ({ note }) => `An entry of the CRM (${note.kind}) was put on timelines: ${note.title}`,
  NoteChanged: ({ note }) => `An entry of the CRM (${note.kind}) on timelines was changed: ${note.title}`,
  NoteRemoved: () => 'An entry of the CRM was removed from timelines',
}
