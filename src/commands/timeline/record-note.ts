import { NotFound } from '../../domain/decider.ts'
import type { RecordRef } from '../../domain/linking/events.ts'
import type { Note } from '../../domain/timeline/events.ts'
import { noteStream, timelineNote, type NoteState } from '../../domain/timeline/note.ts'
import { entityId, type Caller, type Handle, type Handled, type Load } from '../handle.ts'

export type NoteDeps = {
  readonly handle: Handle
  readonly load: Load
  /** The id that a record has now: that of the contact into which it was merged. Null if the CRM has none. */
  readonly findRecord: (record: RecordRef) => Promise<{ readonly id: string } | null>
}

/** Each record once, under its present id. @throws NotFound */
export const presentRecords =
  ({ findRecord }: Pick<NoteDeps, 'findRecord'>) =>
  async (records: readonly RecordRef[]): Promise<RecordRef[]> => {
    const present = new Map<string, RecordRef>()
    for (const record of records) {
      const found = await findRecord(record)
      if (!found) throw new NotFound(record.kind, record.id)
      present.set(`${record.kind}:${found.id}`, { kind: record.kind, id: found.id })
    }
    return [...present.values()]
  }

/** Puts an entry of the CRM on the timelines of its records. @throws NotFound where the CRM has no such record */
export const recordNote =
  (deps: NoteDeps) =>
  async (caller: Caller, note: Note): Promise<Handled<NoteState> & { readonly entryId: string }> => {
    const entryId = entityId('tle', caller.commandId)
    const records = await presentRecords(deps)(note.records)
    const command = { do: 'record', entryId, note: { ...note, records } } as const
    return { ...(await deps.handle(timelineNote, noteStream(entryId), command, caller)), entryId }
  }
