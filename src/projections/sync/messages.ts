import type { WrittenMailbox } from '../../domain/mail.ts'
import { EmailSent, EmailCancelled, EmailQueued } from '../../domain/sending/events.ts'
import { isAt, messageEvents, type MessageQuarantined, type MessageSynced } from '../../domain/sync/events.ts'
import type { EventOf } from '../../domain/event.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
  type RowOf,
  type Rows,
} from '../projection.ts'

type Synced = EventOf<typeof MessageSynced>['data']
type Queued = EventOf<typeof EmailQueued>['data']
type Quarantined = EventOf<typeof MessageQuarantined>['data']
type MessageHeader = Synced['header']
type MessageAttachment = Synced['attachments'][number]
type MessagePlace = Synced['placement'] & { flags: string[] }

const message = table({
  columns: {
    /** `msg_…`, or `out_…` for an email of ours, which is one with its copy in the mailbox. */
    id: text,
    account_id: text,
    /** Lists show it: it was received or sent. */
    listed: boolean,
    /** `draft` for one that was neither sent nor received. */
    direction: text,
    received_at: timestamp,
    sent_at: nullable(timestamp),
    header: json<MessageHeader & { bcc?: WrittenMailbox[] }>(),
    snippet: text,
    size: integer,
    has_html: boolean,
    attachments: json<MessageAttachment[]>(),
    automatic: nullable(text),
    defects: json<string[]>(),
    /** Why it could not be read; its raw form is still available. */
    quarantined: nullable(text),
    raw: text,
    /** Empty if it was removed from the mailbox. */
    places: json<MessagePlace[]>(),
  },
  key: ['id'],
  indexes: [
    '(account_id, received_at DESC, id DESC) WHERE listed',
    '(account_id, direction, received_at DESC, id DESC) WHERE listed',
  ],
})
export type MessageRow = RowOf<typeof message>

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
  version: 3,
  tables,
  events: [...messageEvents, EmailQueued, EmailSent, EmailCancelled],
  fold: (event, rows) => {
    switch (event.type) {
      case 'EmailQueued':
        return rows.put('message', rowOfQueued(event.data))
      case 'EmailCancelled':
        // If part of it was sent, only the rest was cancelled.
        if (rows.get('message', { id: event.data.outgoingId })?.listed === false)
          rows.remove('message', { id: event.data.outgoingId })
        return
      case 'EmailSent': {
        const row = rows.get('message', { id: event.data.outgoingId })
        if (!row) throw new Error('EmailSent of an email that was not queued')
        if (!row.listed) {
          Object.assign(row, { listed: true, received_at: event.data.sentAt, sent_at: event.data.sentAt })
          claimHeaderId(rows, row)
        }
        return rows.put('message', row)
      }
      case 'MessageSynced':
        return putSynced(rows, event.data)
      case 'MessageDraftSynced': {
        const { messageId } = event.data
        const draft = { ...rowOfSynced(event.data, messageId), listed: false, direction: 'draft' }
        return putPlaced(rows, draft, event.data)
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

const putSynced = (rows: Rows<typeof tables>, data: Synced): void => {
  const places = takeDraft(rows, data.messageId)
  const put = (row: MessageRow): void => {
    for (const { flags, ...placement } of places) putPlaced(rows, row, { placement, flags })
    putPlaced(rows, row, data)
  }
  if (data.outgoingId === null) {
    const row = rowOfSynced(data, data.messageId)
    claimHeaderId(rows, row)
    return put(row)
  }
  rows.put('alias', { id: data.messageId, message_id: data.outgoingId })
  const own = rows.get('message', { id: data.outgoingId })
  const row = own ?? rowOfSynced(data, data.outgoingId)
  if (!row.listed || !own) {
    // Found in the mailbox before its sending was known: then it was sent.
    Object.assign(row, { listed: true, received_at: data.receivedAt, sent_at: data.sentAt })
    claimHeaderId(rows, row)
  }
  put(row)
}

/** The places of the message while it was a draft, which it no longer is. */
const takeDraft = (rows: Rows<typeof tables>, id: string): MessagePlace[] => {
  const draft = rows.get('message', { id })
  if (!draft) return []
  const { places } = draft
  for (const place of places) dropPlace(rows, draft, place)
  rows.remove('message', { id })
  return places
}

/** Notes the Message-ID, or the defect that another message has it with different content. */
const claimHeaderId = (rows: Rows<typeof tables>, row: MessageRow): void => {
  if (row.header.messageId === '') return
  const key = { account_id: row.account_id, message_id: keyOf(row.header.messageId) }
  const first = rows.get('header_id', key)
  if (!first) rows.put('header_id', { ...key, id: row.id })
  else if (first.id !== row.id) row.defects = [...row.defects, 'message-id-repeated']
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
  rows.put('message', row)
  if (known) return
  if (row.quarantined === null) rows.put('located', { account_id, folder, id, received_at })
  if (rows.get('folder', { account_id, folder })?.role !== role)
    rows.put('folder', { account_id, folder, role })
}

const dropPlace = (rows: Rows<typeof tables>, row: MessageRow, placement: Synced['placement']): void => {
  row.places = row.places.filter((each) => !isAt(each, placement))
  const { folder } = placement
  if (row.places.every((each) => each.folder !== folder))
    rows.remove('located', { account_id: row.account_id, folder, id: row.id })
}

const rowOfSynced = (data: Synced, id: string): MessageRow => ({
  id,
  account_id: data.accountId,
  listed: true,
  direction: data.direction,
  received_at: data.receivedAt,
  sent_at: data.sentAt,
  header: data.header,
  snippet: data.snippet,
  size: data.size,
  has_html: data.hasHtml,
  attachments: data.attachments,
  automatic: data.automatic,
  defects: data.defects,
  quarantined: null,
  raw: data.raw,
  places: [],
})

const noHeader: MessageHeader = {
  messageId: '',
  inReplyTo: [],
  references: [],
  subject: '',
  from: [],
  to: [],
  cc: [],
  replyTo: [],
}

const rowOfQuarantined = (data: Quarantined): MessageRow => ({
  id: data.messageId,
  account_id: data.accountId,
  listed: false,
  direction: 'in',
  received_at: data.receivedAt,
  sent_at: null,
  header: noHeader,
  snippet: '',
  size: data.size,
  has_html: false,
  attachments: [],
  automatic: null,
  defects: [],
  quarantined: data.reason,
  raw: data.raw,
  places: [],
})

/**
 * An email of ours as it will be listed once it is sent; `raw` is the copy without the pixel and with the original
 * links.
 */
const rowOfQueued = ({ header, ...data }: Queued): MessageRow => ({
  id: data.outgoingId,
  account_id: data.accountId,
  listed: false,
  direction: 'out',
  received_at: data.queuedAt,
  sent_at: null,
  header: {
    ...noHeader,
    messageId: header.messageId,
    inReplyTo: header.inReplyTo === null ? [] : [header.inReplyTo],
    references: header.references,
    subject: header.subject,
    from: [header.from],
    to: header.to,
    cc: header.cc,
    bcc: header.bcc,
  },
  snippet: data.snippet,
  size: data.copy.size,
  has_html: true,
  attachments: data.attachments.map((file) => ({
    ...file,
    contentId: file.contentId ?? null,
    inline: file.contentId !== undefined,
  })),
  automatic: null,
  defects: [],
  quarantined: null,
  raw: data.copy.blob,
  places: [],
})
