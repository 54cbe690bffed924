import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { EmailQueued } from '../../domain/sending/events.ts'
import type { MessageQuarantined, MessageSynced } from '../../domain/sync/events.ts'
import type { PresenceChange } from '../../domain/sync/presence-events.ts'
import { boolean, integer, json, nullable, table, text, timestamp, type RowOf } from '../projection.ts'

export type Synced = EventOf<typeof MessageSynced>['data']
type Queued = EventOf<typeof EmailQueued>['data']
type Quarantined = EventOf<typeof MessageQuarantined>['data']
type MessageHeader = Synced['header']
type MessageAttachment = Synced['attachments'][number]
export type MessagePlace = Synced['placement'] & { flags: string[] }

export const message = table({
  columns: {
    /** `msg_…`, or `out_…` for an email of ours, which is one with its copy in the mailbox. */
    id: text,
    account_id: text,
    /** It was received or sent. */
    exchanged: boolean,
    /** Lists show it: it was received or sent, and is neither deleted nor hidden. */
    listed: boolean,
    /** `deleted` or `hidden`, and since when; null if it is neither. */
    absent: nullable(text),
    absent_since: nullable(timestamp),
    /** The pattern that hides it. */
    hidden_by: nullable(text),
    /** Somebody had it shown again, so that no pattern hides it. */
    shown_by_hand: boolean,
    /** Its bytes are gone for good. */
    erased: boolean,
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
    /** The bytes of an email of ours as it was sent. */
    sent_as: nullable(text),
    /** Empty if it was removed from the mailbox. */
    places: json<MessagePlace[]>(),
  },
  key: ['id'],
  indexes: [
    '(account_id, received_at DESC, id DESC) WHERE listed',
    '(account_id, direction, received_at DESC, id DESC) WHERE listed',
    '(account_id, absent, received_at DESC, id DESC) WHERE absent IS NOT NULL',
    "(absent_since, id) WHERE absent = 'deleted' AND NOT erased",
    'USING hash (raw)',
    '(sent_as) WHERE sent_as IS NOT NULL',
    "USING gin (attachments jsonb_path_ops) WHERE attachments <> '[]'",
  ],
})
export type MessageRow = RowOf<typeof message>

export const rowOfSynced = (data: Synced, id: string): MessageRow => ({
  ...present,
  ...exchanged,
  id,
  account_id: data.accountId,
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
  sent_as: null,
  places: [],
})

/** A message that was received or sent. */
export const exchanged = { exchanged: true, listed: true }

/** One that is neither deleted nor hidden. */
const present = {
  absent: null,
  absent_since: null,
  hidden_by: null,
  shown_by_hand: false,
  erased: false,
}

/** What the message is after this event: in the lists or not. */
export const presenceOf = (
  event: RecordedEvent<PresenceChange>,
): Pick<MessageRow, 'absent' | 'absent_since' | 'hidden_by' | 'shown_by_hand'> => {
  switch (event.type) {
    case 'MessageDeleted':
      return { ...present, absent: 'deleted', absent_since: event.data.deletedAt }
    case 'MessageHidden': {
      const { pattern } = event.data
      return { ...present, absent: 'hidden', absent_since: event.metadata.occurredAt, hidden_by: pattern }
    }
    case 'MessageRestored':
      return present
    case 'MessageShown':
      return { ...present, shown_by_hand: event.data.byHand }
  }
}

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

export const rowOfQuarantined = (data: Quarantined): MessageRow => ({
  ...present,
  exchanged: false,
  listed: false,
  id: data.messageId,
  account_id: data.accountId,
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
  sent_as: null,
  places: [],
})

/**
 * An email of ours as it will be listed once it is sent; `raw` is the copy without the pixel and with the original
 * links.
 */
export const rowOfQueued = ({ header, ...data }: Queued): MessageRow => ({
  ...present,
  exchanged: false,
  listed: false,
  id: data.outgoingId,
  account_id: data.accountId,
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
  sent_as: data.mime.blob,
  places: [],
})
