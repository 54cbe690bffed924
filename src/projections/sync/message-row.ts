import type { ExcludePattern } from '../../domain/accounts/events.ts'
import type { EventOf } from '../../domain/event.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { EmailQueued } from '../../domain/sending/events.ts'
import type { MessageQuarantined, MessageSynced } from '../../domain/sync/events.ts'
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
    /** The user who sent it, or who sent the email of ours that it answers. */
    of_user: nullable(text),
    /** It was received or sent. */
    exchanged: boolean,
    /** Lists show it: it was received or sent, was not deleted, and no pattern hides it. */
    listed: boolean,
    deleted_at: nullable(timestamp),
    /** Its bytes are not kept any more. */
    erased_at: nullable(timestamp),
    hidden_by: nullable(json<ExcludePattern>()),
    /** Somebody wants it shown, whatever the patterns say. */
    shown_by_hand: boolean,
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
    /** It was received, and nobody has read it in any of its places. */
    unread: boolean,
  },
  key: ['id'],
  indexes: [
    '(account_id, received_at DESC, id DESC) WHERE listed',
    '(account_id, direction, received_at DESC, id DESC) WHERE listed',
    '(account_id, received_at DESC, id DESC) WHERE deleted_at IS NOT NULL',
    '(account_id, received_at DESC, id DESC) WHERE hidden_by IS NOT NULL',
    '(account_id, id)',
    '(of_user, account_id, received_at DESC, id DESC) WHERE of_user IS NOT NULL',
    '(received_at DESC, id DESC) WHERE unread AND listed',
  ],
})
export type MessageRow = RowOf<typeof message>

/** Nobody deleted it, and no pattern hides it. */
const present = { deleted_at: null, erased_at: null, hidden_by: null, shown_by_hand: false }

export const rowOfSynced = (data: Synced, id: string): MessageRow => ({
  ...present,
  ...exchanged,
  id,
  account_id: data.accountId,
  of_user: null,
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
  unread: data.direction === 'in',
})

export const isUnread = ({ direction, places }: Pick<MessageRow, 'direction' | 'places'>): boolean =>
  direction === 'in' && places.every(({ flags }) => !flags.includes('seen'))

/** A message that was received or sent. */
export const exchanged = { exchanged: true, listed: true }

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
  of_user: null,
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
  unread: true,
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
  of_user: data.userId,
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
  unread: false,
})
