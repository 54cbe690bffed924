import { z } from 'zod'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { recordRef } from '../linking/events.ts'
import { instant, oneLine } from '../mail.ts'

export const entryId = idOf('tle').describe('Id of an entry that the CRM made in timelines')

export const noteKinds = ['note', 'call', 'meeting', 'task', 'other'] as const

/** What the CRM tells of its records beside their mail. */
export const note = z.object({
  records: z.array(recordRef).min(1).max(20).describe('The records on whose timelines it is'),
  kind: z.enum(noteKinds).describe('What it tells of'),
  title: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(...oneLine),
  text: z.string().max(20_000).describe('Plain text'),
  at: instant.describe('When it happened, or is to happen: where it is in timelines'),
})
export type Note = z.infer<typeof note>

// In the stream `timelineentry-<entryId>`.

export const NoteRecorded = defineEvent('NoteRecorded', z.object({ entryId, note }))
/** The whole note as it is now. */
export const NoteChanged = defineEvent('NoteChanged', z.object({ entryId, note }))
export const NoteRemoved = defineEvent('NoteRemoved', z.object({ entryId }))

export const noteEvents = [NoteRecorded, NoteChanged, NoteRemoved] as const
export type NoteEvent = EventOf<(typeof noteEvents)[number]>
