import {
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
} from '../../domain/accounts/events.ts'
import {
  engage,
  engagementEvents,
  engagementOf,
  engagementText,
  isEngagementEvent,
  readEngagement,
} from '../../domain/analytics/engagement.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { Mailbox } from '../../domain/mail.ts'
import {
  EmailBounced,
  EmailCancelled,
  EmailDeferred,
  EmailDelivered,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailQueued,
  EmailReleased,
  EmailRetried,
  EmailSent,
  SentCopyFiled,
} from '../../domain/sending/events.ts'
import { answerLost } from '../../domain/sending/refusals.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
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

export type OutboxState =
  | 'queued'
  | 'scheduled'
  | 'deferred'
  | 'sending'
  | 'sent'
  | 'failed'
  | 'unknown'
  | 'cancelled'

export type Recipients = { to: Mailbox[]; cc: Mailbox[]; bcc: Mailbox[] }
/**
 * `due_at` is set while the email waits. `unclear` lists attempts whose answer was lost. `found_at` is when the email
 * was found in a mailbox; `confirm_at` is the same until it has been recorded.
 */
const email = table({
  columns: {
    id: text,
    account_id: text,
    user_id: nullable(text),
    contact_id: nullable(text),
    deal_id: nullable(text),
    template_id: nullable(text),
    message_id: text,
    from: json<Mailbox>(),
    recipients: json<Recipients>(),
    subject: text,
    snippet: text,
    attachments: integer,
    size: integer,
    tracked_opens: boolean,
    tracked_clicks: boolean,
    tracking_reason: text,
    state: text,
    attempts: integer,
    due_at: nullable(timestamp),
    code: nullable(text),
    reason: nullable(text),
    remedy: nullable(text),
    settled: boolean,
    unclear: json<number[]>(),
    found_at: nullable(timestamp),
    confirm_at: nullable(timestamp),
    queued_at: timestamp,
    scheduled_at: nullable(timestamp),
    sent_at: nullable(timestamp),
    evidence: nullable(text),
    copy: nullable(text),
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: [
    '(account_id, due_at) WHERE due_at IS NOT NULL',
    "(account_id) WHERE state = 'sending'",
    '(confirm_at) WHERE confirm_at IS NOT NULL',
    '(queued_at, id)',
    '(state, queued_at, id)',
    '(account_id, queued_at, id)',
    '(user_id, queued_at, id) WHERE user_id IS NOT NULL',
    '(contact_id, queued_at, id) WHERE contact_id IS NOT NULL',
    '(deal_id, queued_at, id) WHERE deal_id IS NOT NULL',
    '(template_id, queued_at, id) WHERE template_id IS NOT NULL',
  ],
})

export type OutboxRow = RowOf<typeof email>

const tables = {
  email,
  /** Kept apart from the rest because every hit changes it. */
  fate: table({ columns: { email_id: text, engagement: text }, key: ['email_id'] }),
  account: table({ columns: { id: text, status: text }, key: ['id'] }),
}

/** What may become of an email once it is queued. */
const laterEvents = [
  EmailCancelled,
  EmailReleased,
  EmailSent,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailRetried,
  SentCopyFiled,
  EmailDelivered,
  EmailBounced,
] as const

/** Every queued email and what became of it; for the senders, the list of what is due. */
export const outbox = projection({
  name: 'outbox',
  version: 4,
  tables,
  events: [
    EmailQueued,
    SentCopyFiled,
    ...engagementEvents,
    MessageSynced,
    AccountConnected,
    AccountPaused,
    AccountResumed,
    AccountDisconnected,
  ],
  fold: (event, rows) => {
    if (isEngagementEvent(event)) changeFate(rows, event)
    switch (event.type) {
      case 'AccountConnected':
      case 'AccountResumed':
        return rows.put('account', { id: event.data.accountId, status: 'active' })
      case 'AccountPaused':
        return rows.put('account', { id: event.data.accountId, status: 'paused' })
      case 'AccountDisconnected':
        return rows.put('account', { id: event.data.accountId, status: 'disconnected' })
      case 'MessageSynced':
        return met(rows, event.data.outgoingId, event.data.receivedAt)
      case 'EmailReplied':
        return met(rows, event.data.outgoingId, event.data.at)
      case 'EmailQueued':
        rows.put('fate', {
          email_id: event.data.outgoingId,
          engagement: engagementText(engagementOf(event.data)),
        })
        return rows.put('email', queuedRow(event))
      case 'OpenTracked':
      case 'ClickTracked':
        return
      case 'EmailCancelled':
      case 'EmailReleased':
      case 'EmailSent':
      case 'EmailDeferred':
      case 'EmailFailed':
      case 'EmailOutcomeLost':
      case 'EmailOutcomeSettled':
      case 'EmailRetried':
      case 'SentCopyFiled':
      case 'EmailDelivered':
      case 'EmailBounced': {
        const row = rows.get('email', { id: event.data.outgoingId })
        if (!row) throw new Error(`${event.type} of an email that was not queued`)
        change(row, event)
        row.revision = event.revision
        row.changed_at = event.metadata.occurredAt
        rows.put('email', confirmable(row))
      }
    }
  },
})

const queuedRow = ({ data, metadata, revision }: RecordedEvent<EventOf<typeof EmailQueued>>): OutboxRow => ({
  id: data.outgoingId,
  account_id: data.accountId,
  user_id: data.userId,
  contact_id: data.contactId,
  deal_id: data.dealId,
  template_id: data.template?.templateId ?? null,
  message_id: data.header.messageId,
  from: data.header.from,
  recipients: { to: data.header.to, cc: data.header.cc, bcc: data.header.bcc },
  subject: data.header.subject,
  snippet: data.snippet,
  attachments: data.attachments.length,
  size: data.mime.size,
  tracked_opens: data.tracking.opens,
  tracked_clicks: data.tracking.clicks,
  tracking_reason: data.tracking.reason,
  state: data.scheduledAt === null ? 'queued' : 'scheduled',
  attempts: 0,
  due_at: data.notBefore,
  code: null,
  reason: null,
  remedy: null,
  settled: false,
  unclear: [],
  found_at: null,
  confirm_at: null,
  queued_at: data.queuedAt,
  scheduled_at: data.scheduledAt,
  sent_at: null,
  evidence: null,
  copy: null,
  changed_at: metadata.occurredAt,
  revision,
})

const changeFate = (rows: Rows<typeof tables>, event: Parameters<typeof engage>[1]): void => {
  const row = rows.get('fate', { email_id: event.data.outgoingId })
  if (!row) return
  rows.put('fate', { ...row, engagement: engagementText(engage(readEngagement(row.engagement), event)) })
}

const change = (row: OutboxRow, event: RecordedEvent<EventOf<(typeof laterEvents)[number]>>): void => {
  switch (event.type) {
    case 'EmailCancelled':
      return end(row, { state: 'cancelled' })
    case 'EmailReleased':
      return become(row, { state: 'sending' })
    case 'EmailSent': {
      const { attempt, sentAt, evidence, retryAt } = event.data
      const sent_at = row.sent_at ?? sentAt
      return become(row, {
        state: 'sent',
        attempts: attempt,
        unclear: [],
        sent_at,
        evidence,
        due_at: retryAt,
      })
    }
    case 'EmailDeferred': {
      const { attempt, code, reason, retryAt } = event.data
      const state = row.sent_at === null ? 'deferred' : 'sent'
      return become(row, { state, attempts: attempt, due_at: retryAt, code, reason })
    }
    case 'EmailFailed': {
      const { attempt, code, reason, remedy } = event.data
      row.unclear = row.unclear.filter((other) => other !== attempt)
      return end(row, { state: 'failed', attempts: attempt, code, reason, remedy })
    }
    case 'EmailOutcomeLost': {
      const { attempt, reason } = event.data
      const unclear = [...row.unclear, attempt]
      return become(row, { state: 'unknown', attempts: attempt, unclear, reason, code: answerLost.code })
    }
    case 'EmailOutcomeSettled': {
      const { notBefore } = event.data
      if (!notBefore) return become(row, { state: 'unknown', settled: true })
      // What was taken stays sent, though the rest goes again.
      return become(row, { state: row.sent_at === null ? 'queued' : 'sent', due_at: notBefore })
    }
    case 'EmailRetried':
      return become(row, { state: 'queued', due_at: event.data.notBefore })
    case 'SentCopyFiled':
      row.copy = event.data.outcome
      return
    case 'EmailDelivered':
    case 'EmailBounced':
  }
}

/** No more is tried. What a lost answer left open stays open, and what was taken stays sent. */
const end = (row: OutboxRow, next: Partial<OutboxRow> & { state: 'failed' | 'cancelled' }): void => {
  const settled = next.state === 'cancelled' || row.sent_at !== null
  if (row.unclear.length > 0) return become(row, { ...next, state: 'unknown', settled })
  become(row, { ...next, state: row.sent_at === null ? next.state : 'sent' })
}

/** Changes the state and clears what belonged to the state before. */
const become = (row: OutboxRow, next: Partial<OutboxRow> & { state: OutboxState }): void => {
  Object.assign(row, { due_at: null, code: null, reason: null, remedy: null, settled: false, ...next })
}

const met = (rows: Rows<typeof tables>, outgoingId: string | null, at: string): void => {
  const row = outgoingId === null ? undefined : rows.get('email', { id: outgoingId })
  if (row) rows.put('email', confirmable({ ...row, found_at: row.found_at ?? at }))
}

const confirmable = (row: OutboxRow): OutboxRow => ({
  ...row,
  confirm_at: row.sent_at === null && row.unclear.length > 0 ? row.found_at : null,
})
