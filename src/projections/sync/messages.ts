import { EmailSent, EmailCancelled, EmailQueued } from '../../domain/sending/events.ts'
import { isAt, messageEvents } from '../../domain/sync/events.ts'
import { MessageBytesErased, presenceChanges } from '../../domain/sync/presence-events.ts'
import { nullable, projection, table, text, timestamp, type Rows } from '../projection.ts'
import {
  exchanged,
  isUnread,
  message,
  rowOfQuarantined,
  rowOfQueued,
  rowOfSynced,
  type MessageRow,
  type Synced,
} from './message-row.ts'

const tables = {
  message,
  /** The other ids of a message: that of its copy, and the one under which it was quarantined. */
  alias: table({ columns: { id: text, message_id: text }, key: ['id'] }),
  folder: table({
    columns: { account_id: text, folder: text, role: nullable(text) },
    key: ['account_id', 'folder'],
  }),
  located: table({
    columns: { account_id: text, folder: text, id: text, received_at: timestamp },
    key: ['account_id', 'folder', 'id'],
    indexes: ['(account_id, folder, received_at DESC, id DESC)'],
  }),
  /** Which message first had a Message-ID, to recognise others that claim it later. */
  header_id: table({
    columns: { account_id: text, message_id: text, id: text },
    key: ['account_id', 'message_id'],
  }),
}

/** Every message of every account, received or sent, once: its header, its attachments and its places. */
export const messages = projection({
  name: 'messages',
  version: 9,
  tables,
  events: [...messageEvents, ...presenceChanges, MessageBytesErased, EmailQueued, EmailSent, EmailCancelled],
  fold: (event, rows) => {
    switch (event.type) {
      case 'EmailQueued':
        return rows.put('message', rowOfQueued(event.data))
      case 'EmailCancelled':
        // If part of it was sent, only the rest was cancelled.
        if (rows.get('message', { id: event.data.outgoingId })?.exchanged === false)
          rows.remove('message', { id: event.data.outgoingId })
        return
      case 'EmailSent': {
        const row = rows.get('message', { id: event.data.outgoingId })
        if (!row) throw new Error('EmailSent of an email that was not queued')
        if (!row.exchanged) {
          Object.assign(row, { ...exchanged, received_at: event.data.sentAt, sent_at: event.data.sentAt })
          claimHeaderId(rows, row)
        }
        return rows.put('message', row)
      }
      case 'MessageSynced':
        return putSynced(rows, event.data)
      case 'MessageDraftSynced': {
        const { messageId } = event.data
        const draft = { ...rowOfSynced(event.data, messageId), exchanged: false, listed: false }
        return putPlaced(rows, { ...draft, direction: 'draft' }, event.data)
      }
      case 'MessageQuarantined': {
        const { messageId, attempts, reason } = event.data
        const row = attempts > 1 ? rows.get('message', { id: messageId }) : undefined
        if (row) rows.put('message', { ...row, quarantined: reason })
        else putPlaced(rows, rowOfQuarantined(event.data), event.data)
        return
      }
      case 'QuarantinedMessageSkipped':
        return
      case 'QuarantinedMessageReleased': {
        const { messageId, became } = event.data
        const row = rows.get('message', { id: messageId })
        if (row) for (const place of row.places) dropPlace(rows, row, place)
        rows.remove('message', { id: messageId })
        return rows.put('alias', { id: messageId, message_id: became })
      }
      case 'MessageDeleted':
        return putPresence(rows, event.data.messageId, { deleted_at: event.data.deletedAt })
      case 'MessageRestored':
        return putPresence(rows, event.data.messageId, { deleted_at: null })
      case 'MessageHidden':
        return putPresence(rows, event.data.messageId, {
          hidden_by: event.data.pattern,
          shown_by_hand: false,
        })
      case 'MessageShown':
        return putPresence(rows, event.data.messageId, {
          hidden_by: null,
          shown_by_hand: event.data.byHand,
        })
      case 'MessageBytesErased': {
        const row = rows.get('message', { id: event.data.messageId })
        return row && rows.put('message', { ...row, erased_at: event.metadata.occurredAt })
      }
      case 'MessageAddedToFolder':
      case 'MessageFlagsChanged':
      case 'MessageRemovedFromFolder': {
        const id = rows.get('alias', { id: event.data.messageId })?.message_id ?? event.data.messageId
        const row = rows.get('message', { id })
        if (!row) throw new Error(`${event.type} of a message that was not found before`)
        if (event.type !== 'MessageRemovedFromFolder') return putPlaced(rows, row, event.data)
        dropPlace(rows, row, event.data.placement)
        return rows.put('message', row)
      }
    }
  },
})

type Presence = Pick<MessageRow, 'deleted_at' | 'hidden_by' | 'shown_by_hand'>

/** A deleted or hidden message is in no list; others are, if they were received or sent, and in those of their folders. */
const putPresence = (rows: Rows<typeof tables>, id: string, change: Partial<Presence>): void => {
  const before = rows.get('message', { id })
  if (!before) throw new Error('A message was deleted or hidden that was not found before')
  const row = { ...before, ...change }
  row.listed = row.exchanged && isPresent(row)
  rows.put('message', row)
  for (const { folder } of row.places) {
    const { account_id, received_at } = row
    if (isPresent(row)) rows.put('located', { account_id, folder, id, received_at })
    else rows.remove('located', { account_id, folder, id })
  }
}

const isPresent = ({ deleted_at, hidden_by }: Presence): boolean => deleted_at === null && hidden_by === null

const putSynced = (rows: Rows<typeof tables>, data: Synced): void => {
  const draft = takeDraft(rows, data.messageId)
  const put = (row: MessageRow): void => {
    for (const { flags, ...placement } of draft?.places ?? []) putPlaced(rows, row, { placement, flags })
    putPlaced(rows, row, data)
  }
  if (data.outgoingId === null) {
    const row = { ...rowOfSynced(data, data.messageId), of_user: answeredUser(rows, data) }
    claimHeaderId(rows, row)
    put(row)
    if (draft) putPresence(rows, row.id, presenceOf(draft))
    return
  }
  rows.put('alias', { id: data.messageId, message_id: data.outgoingId })
  const own = rows.get('message', { id: data.outgoingId })
  const row = own ?? rowOfSynced(data, data.outgoingId)
  if (!row.exchanged || !own) {
    // Found in the mailbox before its sending was known: then it was sent.
    Object.assign(row, { ...exchanged, received_at: data.receivedAt, sent_at: data.sentAt })
    claimHeaderId(rows, row)
  }
  put(row)
}

const presenceOf = ({ deleted_at, hidden_by, shown_by_hand }: MessageRow): Presence => ({
  deleted_at,
  hidden_by,
  shown_by_hand,
})

/** The message while it was a draft, which it no longer is. */
const takeDraft = (rows: Rows<typeof tables>, id: string): MessageRow | undefined => {
  const draft = rows.get('message', { id })
  if (!draft) return undefined
  const { places } = draft
  for (const place of places) dropPlace(rows, draft, place)
  rows.remove('message', { id })
  return { ...draft, places }
}

/** Notes the Message-ID, or the defect that another message has it with different content. */
const claimHeaderId = (rows: Rows<typeof tables>, row: MessageRow): void => {
  if (row.header.messageId === '') return
  const key = { account_id: row.account_id, message_id: keyOf(row.header.messageId) }
  const first = rows.get('header_id', key)
  if (!first) rows.put('header_id', { ...key, id: row.id })
  else if (first.id !== row.id) row.defects = [...row.defects, 'message-id-repeated']
}

/** How many of the messages that one names as what it answers are looked at. */
const MOST_ANSWERED = 5

/**
 * The user who sent the email that this answers, or the one that this answer is an answer to. What somebody has sent with
 * another program is nobody's answer.
 */
const answeredUser = (
  rows: Rows<typeof tables>,
  { accountId: account_id, direction, header }: Synced,
): string | null => {
  if (direction !== 'in') return null
  const answered = new Set([...header.inReplyTo, ...header.references.toReversed()])
  for (const messageId of [...answered].slice(0, MOST_ANSWERED)) {
    const known = rows.get('header_id', { account_id, message_id: keyOf(messageId) })
    const user = known && rows.get('message', { id: known.id })?.of_user
    if (user) return user
  }
  return null
}

/** As much of a text as an index takes, whatever a hostile sender writes. */
export const keyOf = (written: string): string => written.slice(0, 500)

const putPlaced = (
  rows: Rows<typeof tables>,
  row: MessageRow,
  { placement, flags }: Pick<Synced, 'placement' | 'flags'>,
): void => {
  const { account_id, id, received_at } = row
  const { folder, role } = placement
  const place = { ...placement, flags }
  const known = row.places.some((each) => isAt(each, placement))
  // Found elsewhere before, such as the copy that somebody sends to themselves.
  if (role === 'sent') row.direction = 'out'
  row.places = known
    ? row.places.map((each) => (isAt(each, placement) ? place : each))
    : [...row.places, place]
  row.unread = isUnread(row)
  rows.put('message', row)
  if (known) return
  if (row.quarantined === null && isPresent(row)) rows.put('located', { account_id, folder, id, received_at })
  if (rows.get('folder', { account_id, folder })?.role !== role)
    rows.put('folder', { account_id, folder, role })
}

const dropPlace = (rows: Rows<typeof tables>, row: MessageRow, placement: Synced['placement']): void => {
  row.places = row.places.filter((each) => !isAt(each, placement))
  row.unread = isUnread(row)
  const { folder } = placement
  if (row.places.every((each) => each.folder !== folder))
    rows.remove('located', { account_id: row.account_id, folder, id: row.id })
}
