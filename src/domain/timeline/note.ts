import { NotFound, type Decider } from '../decider.ts'
import { NoteChanged, NoteRecorded, NoteRemoved, type Note, type NoteEvent } from './events.ts'

// ---------------------------------------------------------------- state

export type NoteState = { readonly status: 'absent' } | { readonly status: 'there'; readonly note: Note }

// ---------------------------------------------------------------- commands

export type NoteCommand = { readonly entryId: string } & (
  | { readonly do: 'record'; readonly note: Note }
  | { readonly do: 'change'; readonly changes: Partial<Note> }
  | { readonly do: 'remove' }
)

// ---------------------------------------------------------------- evolve

const evolve = (_state: NoteState, event: NoteEvent): NoteState => {
  switch (event.type) {
    case 'NoteRecorded':
    case 'NoteChanged':
      return { status: 'there', note: event.data.note }
    case 'NoteRemoved':
      return { status: 'absent' }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: NoteCommand, state: NoteState): NoteEvent[] => {
  const { entryId } = command
  if (command.do === 'record') return [NoteRecorded({ entryId, note: command.note })]
  if (state.status === 'absent') throw new NotFound('timeline entry', entryId)
  if (command.do === 'remove') return [NoteRemoved({ entryId })]
  const changed = { ...state.note, ...command.changes }
  return isSame(changed, state.note) ? [] : [NoteChanged({ entryId, note: changed })]
}

const isSame = (a: Note, b: Note): boolean =>
  a.kind === b.kind &&
  a.title === b.title &&
  a.text === b.text &&
  a.at === b.at &&
  JSON.stringify(a.records.map(({ kind, id }) => [kind, id])) ===
    JSON.stringify(b.records.map(({ kind, id }) => [kind, id]))

export const timelineNote: Decider<NoteState, NoteCommand, NoteEvent> = {
  initial: { status: 'absent' },
  evolve,
  decide,
}

/** `timelineentry-<entryId>` */
export const noteStream = (entryId: string): string => `timelineentry-${entryId}`
