import {
  AccountConnected,
  AccountConnectionChanged,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  AccountSignatureChanged,
} from '../../domain/accounts/events.ts'
import { ContactMerged, ContactRemoved } from '../../domain/directory/events.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import { linkEvents } from '../../domain/linking/events.ts'
import { linksAfter } from '../../domain/linking/links.ts'
import { absenceAfter } from '../../domain/sync/absence.ts'
import { presenceChanges } from '../../domain/sync/presence-events.ts'
import { SyncRunFinished } from '../../domain/sync/events.ts'
import { noteEvents, type NoteEvent } from '../../domain/timeline/events.ts'
import { projection } from '../projection.ts'
import { foldAccount, foldSignIn } from './accounts.ts'
import { itemOf, moveItem, newEntry, putEntry, removeEntry, replaceEntry } from './items.ts'
import { foldMail, isMailEvent, mailEvents } from './mail.ts'
import { tables, type TimelineRows } from './tables.ts'

/**
 * What happened with each record of the CRM and each account: mail both ways, what became of emails, and notes. An entry
 * stays where it first happened and counts what happens again, so each message has a bounded number of entries.
 */
export const timeline = projection({
  name: 'timeline',
  version: 2,
  tables,
  events: [
    ...mailEvents,
    ...presenceChanges,
    ...linkEvents,
    ...noteEvents,
    ContactMerged,
    ContactRemoved,
    AccountConnected,
    AccountConnectionChanged,
    AccountSettingsChanged,
    AccountSignatureChanged,
    AccountPaused,
    AccountResumed,
    AccountDisconnected,
    SyncRunFinished,
  ],
  fold: (event, rows) => {
    rows.put('head', { id: 'main', position: event.position })
    if (isMailEvent(event)) return foldMail(event, rows)
    switch (event.type) {
      case 'MessageMatched':
      case 'MessageLinked':
      case 'MessageUnlinked':
      case 'LinkDecisionUndone': {
        const item = itemOf(rows, event.data.messageId, event.data.accountId)
        return moveItem(rows, { ...item, links: linksAfter(item.links, event) }, event.position)
      }
      case 'MessageDeleted':
      case 'MessageRestored':
      case 'MessageHidden':
      case 'MessageShown': {
        const item = itemOf(rows, event.data.messageId, event.data.accountId)
        return moveItem(rows, { ...item, ...absenceAfter(item, event) }, event.position)
      }
      case 'NoteRecorded':
      case 'NoteChanged':
      case 'NoteRemoved':
        return foldNote(event, rows)
      case 'ContactMerged':
        return foldMerged(event, rows)
      case 'ContactRemoved':
        return rows.remove('merged', { contact_id: event.data.contactId })
      case 'SyncRunFinished':
        return foldSignIn(event, rows)
      case 'AccountConnected':
      case 'AccountConnectionChanged':
      case 'AccountSettingsChanged':
      case 'AccountSignatureChanged':
      case 'AccountPaused':
      case 'AccountResumed':
      case 'AccountDisconnected':
        return foldAccount(event, rows)
    }
  },
})

const foldMerged = (
  { data, position }: RecordedEvent<EventOf<typeof ContactMerged>>,
  rows: TimelineRows,
): void => rows.put('merged', { contact_id: data.contactId, survivor: data.into, position })

const foldNote = (event: RecordedEvent<NoteEvent>, rows: TimelineRows): void => {
  const { entryId: entry_id } = event.data
  const { position } = event
  if (event.type === 'NoteRemoved') return removeEntry(rows, entry_id, position)
  const { records, kind, title, text, at } = event.data.note
  const known = rows.get('entry', { entry_id })
  const content = { title, text, actor: known?.content.actor ?? event.metadata.actor }
  const entry = newEntry({ entry_id, account_id: null, kind, at, position, content, records })
  if (known) replaceEntry(rows, known, entry)
  else putEntry(rows, entry)
}
