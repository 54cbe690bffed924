import { Refused } from '../../domain/decider.ts'
import { entry, entryStream, type Entry, type EntryState } from '../../domain/directory/entry.ts'
import type { Caller, Handle, Handled } from '../handle.ts'

/** Puts a record of the CRM under its own id: made, or replaced whole. The same again does nothing. */
export const putEntry =
  (deps: { handle: Handle }) =>
  (caller: Caller, put: Entry): Promise<Handled<EntryState>> => {
    if (put.kind === 'organization' && !isTimeZone(put.value.timeZone))
      throw new Refused(
        'unknown-time-zone',
        `${put.value.timeZone} is not a time zone`,
        'Give a name of the IANA time zone database, such as Europe/Berlin.',
      )
    return deps.handle(entry, entryStream(put.kind, put.id), { do: 'put', entry: put }, caller)
  }

const isTimeZone = (name: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
