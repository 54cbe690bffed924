import {
  type ConversationMessageReceived,
  type ConversationOpened,
  conversationEvents,
} from '../../domain/conversations/events.ts'
import { waitingSinceAfter } from '../../domain/conversations/waiting-since.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import {
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

const tables = {
  conversation: table({
    columns: {
      id: text,
      account_id: text,
      status: text,
      snoozed_until: nullable(timestamp),
      merged_into: nullable(text),
      assignee: nullable(text),
      tags: json<string[]>(),
      version: integer,
      /** The version that the last message which came has: who has seen it has seen all. */
      received_version: integer,
      last_message: text,
      last_from: nullable(text),
      last_received_at: timestamp,
      last_answered_at: nullable(timestamp),
      /** Since when somebody waits for us, or waited last. */
      waiting_since: timestamp,
      changed_at: timestamp,
      revision: integer,
    },
    key: ['id'],
    indexes: [
      '(account_id, status, waiting_since, id) WHERE merged_into IS NULL',
      '(account_id, waiting_since, id) WHERE merged_into IS NULL',
      '(account_id, last_received_at, id) WHERE merged_into IS NULL',
      '(waiting_since, id) WHERE merged_into IS NULL',
      '(last_received_at, id) WHERE merged_into IS NULL',
      '(assignee, waiting_since, id) WHERE merged_into IS NULL AND assignee IS NOT NULL',
      '(snoozed_until) WHERE merged_into IS NULL AND snoozed_until IS NOT NULL',
      'USING gin (tags jsonb_path_ops)',
    ],
  }),
  /** Up to which version a user has seen the mail. */
  reading: table({
    columns: { conversation_id: text, user_id: text, version: integer },
    key: ['conversation_id', 'user_id'],
  }),
  note: table({
    columns: {
      id: text,
      conversation_id: text,
      user_id: nullable(text),
      text,
      mentions: json<string[]>(),
      written_at: timestamp,
    },
    key: ['id'],
    indexes: ['(conversation_id, written_at, id)'],
  }),
  /** Mail of conversations. `position`: where it was put into this one; null of what came with another conversation. */
  mail: table({
    columns: { id: text, conversation_id: text, position: nullable(text) },
    key: ['id', 'conversation_id'],
  }),
}
export type ConversationRow = RowOf<typeof tables.conversation>
type ConversationRows = Rows<typeof tables>
type Recorded = RecordedEvent<EventOf<(typeof conversationEvents)[number]>>

/** Conversations as people work through them. One that has become part of another stays, and is listed no more. */
export const conversationList = projection({
  name: 'conversations',
  version: 3,
  tables,
  events: conversationEvents,
  fold: (event, rows) => {
    const { conversationId: id } = event.data
    if (event.type === 'ConversationOpened') {
      rows.put('conversation', { ...openedRow(event), ...standingOf(event) })
      return putMail(rows, event, event.data.messageId)
    }
    const row = rows.get('conversation', { id })
    if (!row) return
    const waiting_since = waitingSinceAfter(event, row.status, row.waiting_since)
    rows.put('conversation', { ...row, ...changesBy(event, row), waiting_since, ...standingOf(event) })
    alsoPut(rows, event)
  },
})

const standingOf = ({ metadata, revision }: Recorded) => ({ changed_at: metadata.occurredAt, revision })

const putMail = (rows: ConversationRows, { data, position }: Recorded, id: string): void =>
  rows.put('mail', { id, conversation_id: data.conversationId, position })

const openedRow = ({
  data,
}: RecordedEvent<EventOf<typeof ConversationOpened>>): Omit<ConversationRow, 'changed_at' | 'revision'> => ({
  id: data.conversationId,
  account_id: data.accountId,
  status: 'open',
  snoozed_until: null,
  merged_into: null,
  assignee: null,
  tags: [],
  version: 1,
  received_version: 1,
  last_message: data.messageId,
  last_from: data.from,
  last_received_at: data.receivedAt,
  last_answered_at: null,
  waiting_since: data.receivedAt,
})

const changesBy = (event: Recorded, row: ConversationRow): Partial<ConversationRow> => {
  const version = row.version + 1
  switch (event.type) {
    case 'ConversationMessageReceived':
      return { ...receivedIn(event, row), version, received_version: version }
    case 'ConversationReplyQueued':
    case 'ConversationReplyWithdrawn':
      return { version }
    case 'ConversationStatusChanged':
      return { status: event.data.status, snoozed_until: null }
    case 'ConversationSnoozed':
      return { status: 'snoozed', snoozed_until: event.data.until }
    case 'ConversationWoken':
      return { status: 'open', snoozed_until: null }
    case 'ConversationAssigned':
      return { assignee: event.data.userId }
    case 'ConversationUnassigned':
      return { assignee: null }
    case 'ConversationTagged':
      return { tags: [...row.tags, event.data.tag] }
    case 'ConversationUntagged':
      return { tags: row.tags.filter((tag) => tag !== event.data.tag) }
    case 'ConversationMerged':
      return { merged_into: event.data.into }
    case 'ConversationSeparated':
      return { merged_into: null }
    case 'ConversationTookIn': {
      const { status, snoozedUntil: snoozed_until, assigneeId: assignee, tags, mail } = event.data
      const isNews = mail.some(({ kind }) => kind === 'message')
      const seen = isNews ? { received_version: event.data.version } : {}
      return { status, snoozed_until, assignee, tags, version: event.data.version, ...seen }
    }
    case 'ConversationAnswered':
      return { status: event.data.status, last_answered_at: event.data.sentAt }
    case 'ConversationOpened':
    case 'ConversationRead':
    case 'ConversationMarkedUnread':
    case 'ConversationNoteAdded':
    case 'ConversationNoteRemoved':
      return {}
  }
}

const receivedIn = (
  { data }: RecordedEvent<EventOf<typeof ConversationMessageReceived>>,
  row: ConversationRow,
): Partial<ConversationRow> => {
  const { status, receivedAt: last_received_at, messageId: last_message, from: last_from } = data
  const snoozed_until = status === 'snoozed' ? row.snoozed_until : null
  const isLatest = last_received_at >= row.last_received_at
  return { status, snoozed_until, ...(isLatest && { last_message, last_from, last_received_at }) }
}

const alsoPut = (rows: ConversationRows, event: Recorded): void => {
  const { conversationId: conversation_id } = event.data
  switch (event.type) {
    case 'ConversationMessageReceived':
      return putMail(rows, event, event.data.messageId)
    case 'ConversationReplyQueued':
      return putMail(rows, event, event.data.outgoingId)
    case 'ConversationAnswered': {
      const { messageId: id } = event.data
      const row = rows.get('conversation', { id: conversation_id })
      // One that was queued here has counted already.
      if (row && !rows.get('mail', { id, conversation_id }))
        rows.put('conversation', { ...row, version: row.version + 1 })
      return putMail(rows, event, id)
    }
    case 'ConversationRead': {
      const { userId: user_id, version } = event.data
      return rows.put('reading', { conversation_id, user_id, version })
    }
    case 'ConversationMarkedUnread':
      return rows.remove('reading', { conversation_id, user_id: event.data.userId })
    case 'ConversationNoteAdded': {
      const { noteId: id, userId: user_id, text: written, mentions } = event.data
      const written_at = event.metadata.occurredAt
      return rows.put('note', { id, conversation_id, user_id, text: written, mentions, written_at })
    }
    case 'ConversationNoteRemoved':
      return rows.remove('note', { id: event.data.noteId })
    case 'ConversationReplyWithdrawn':
      return rows.remove('mail', { id: event.data.outgoingId, conversation_id })
    case 'ConversationTookIn':
      for (const { id } of event.data.mail) rows.put('mail', { id, conversation_id, position: null })
      return
    case 'ConversationOpened':
    case 'ConversationStatusChanged':
    case 'ConversationSnoozed':
    case 'ConversationWoken':
    case 'ConversationAssigned':
    case 'ConversationUnassigned':
    case 'ConversationTagged':
    case 'ConversationUntagged':
    case 'ConversationMerged':
    case 'ConversationSeparated':
  }
}
