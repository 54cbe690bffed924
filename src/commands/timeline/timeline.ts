import { changeNote } from './change-note.ts'
import { findNote } from './find-note.ts'
import { recordNote, type NoteDeps } from './record-note.ts'
import { removeNote } from './remove-note.ts'

/** What the CRM does with its own entries in timelines. */
export const timelineCommands = (deps: NoteDeps) => ({
  record: recordNote(deps),
  change: changeNote(deps),
  remove: removeNote(deps),
  find: findNote(deps),
})

export type TimelineCommands = ReturnType<typeof timelineCommands>
