import { isTimeZone } from '../../domain/analytics/calendar-day.ts'
import { entry, entryStream, isThere, type Entry, type EntryState } from '../../domain/directory/entry.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import type { Caller, Handle, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { refuseEverybodys, type IsEverybodys } from './company-domains.ts'

const unknownTimeZone = defineRefusal('unknown-time-zone', {
  title: 'Unknown time zone',
  meaning: 'The time zone is not in the IANA time zone database.',
  remedy: 'Use a name from the IANA time zone database, such as Europe/Berlin.',
})

/** @throws Refused `unknown-time-zone` */
export const refuseUnknownTimeZone = ({ value }: Entry): void => {
  const timeZone = 'timeZone' in value ? value.timeZone : undefined
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw unknownTimeZone({ detail: `${timeZone} is not a name of the IANA time zone database.` })
}

/** Puts a record of the CRM under its own id: made, or replaced whole. The same again does nothing. */
export const putEntry =
  (deps: { handle: Handle; isEverybodys: IsEverybodys }) =>
  (caller: Caller, put: Entry, ifRevision?: IfRevision): Promise<Handled<EntryState>> => {
    refuseUnknownTimeZone(put)
    refuseEverybodys(deps.isEverybodys, put)
    return deps.handle(entry, entryStream(put.kind, put.id), { do: 'put', entry: put }, caller, {
      ifRevision,
      isThere,
    })
  }
