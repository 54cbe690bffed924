import { statusAfterAnswer } from '../../domain/conversations/conversation-state.ts'
import {
  type ConversationMessageReceived,
  type ConversationOpened,
  conversationEvents,
} from '../../domain/conversations/events.ts'
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
  /** The conversation that mail was put into. */
  mail: table({ columns: { id: text, conversation_id: text }, key: ['id'] }),
}
export type ConversationRow = RowOf<typeof tables.conversation>
type ConversationRows = Rows<typeof tables>
type Recorded = RecordedEvent<EventOf<(typeof conversationEvents)[number]>>

/** Conversations as people work through them. One that has become part of another stays, and is listed no more. */
export const conversationList = projection({
  name: 'conversations',
  version: 2,
  tables,
  events: conversationEvents,
  fold: (event, rows) => {
    const { conversationId: id } = event.data
    if (event.type === 'ConversationOpened') {
      rows.put('conversation', { ...openedRow(event), ...standingOf(event) })
      return putMail(rows, event.data.messageId, id)
    }
    const row = rows.get('conversation', { id })
    if (!row) return
    rows.put('conversation', { ...row, ...changesBy(event, row), ...standingOf(event) })
    alsoPut(rows, event)
  },
})

const standingOf = ({ metadata, revision }: Recorded) => ({ changed_at: metadata.occurredAt, revision })

const putMail = (rows: ConversationRows, id: string, conversation_id: string): void =>
  rows.put('mail', { id, conversation_id })

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
      return { status: event.data.status, snoozed_until: null, ...waitsAgain(event, row, event.data.status) }
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
      const seen = isNews ? { received_version: version } : {}
      return { status, snoozed_until, assignee, tags, version, ...seen }
    }
    case 'ConversationAnswered':
      return { status: statusAfterAnswer(row.status), last_answered_at: event.data.sentAt }
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
  const reopened = {
    status: 'open',
    snoozed_until: null,
    waiting_since: row.status === 'open' || row.status === 'snoozed' ? row.waiting_since : data.receivedAt,
  }
  const isLatest = data.receivedAt >= row.last_received_at
  if (!isLatest) return reopened
  return {
    ...reopened,
    last_message: data.messageId,
    last_from: data.from,
    last_received_at: data.receivedAt,
  }
}

/** Somebody opened it again by hand. */
const waitsAgain = (
  { metadata }: Recorded,
  { status: before }: ConversationRow,
  status: string,
): Partial<ConversationRow> =>
  status === 'open' && before !== 'snoozed' ? { waiting_since: metadata.occurredAt } : {}

const alsoPut = (rows: ConversationRows, event: Recorded): void => {
  const { conversationId: conversation_id } = event.data
  switch (event.type) {
    case 'ConversationMessageReceived':
      return putMail(rows, event.data.messageId, conversation_id)
    case 'ConversationReplyQueued':
      return putMail(rows, event.data.outgoingId, conversation_id)
    case 'ConversationAnswered': {
      const { messageId: id } = event.data
      const row = rows.get('conversation', { id: conversation_id })
      // One that was queued here has counted already.
      if (row && !rows.get('mail', { id })) rows.put('conversation', { ...row, version: row.version + 1 })
      return putMail(rows, id, conversation_id)
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
      return rows.remove('mail', { id: event.data.outgoingId })
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
    case 'ConversationTookIn':
  }
}
