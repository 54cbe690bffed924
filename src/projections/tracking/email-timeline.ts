import { networkOf, type Judgement } from '../../domain/tracking/classify-hit.ts'
import {
  engage,
  engagementOf,
  engagementEvents,
  engagementText,
  isEngagementEvent,
  judgeEngagement,
  readEngagement,
  type Engagement,
} from '../../domain/analytics/engagement.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { Mailbox } from '../../domain/mail.ts'
import { EmailQueued } from '../../domain/sending/events.ts'
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

export type EntryKind =
  | 'sent'
  | 'deferred'
  | 'opened'
  | 'clicked'
  | 'replied'
  | 'bounced'
  | 'failed'
  | 'unknown'
type TrackedLinks = EventOf<typeof EmailQueued>['data']['tracking']['links']

const email = table({
  columns: {
    id: text,
    account_id: text,
    user_id: nullable(text),
    template_id: nullable(text),
    subject: text,
    from: json<Mailbox>(),
    recipients: json<{ to: Mailbox[]; cc: Mailbox[]; bcc: Mailbox[] }>(),
    /** The addresses that `recipient` of a hit is an index into. */
    envelope: json<string[]>(),
    tracking: json<{ opens: boolean; clicks: boolean; reason: string; links: TrackedLinks }>(),
    queued_at: timestamp,
    scheduled_at: nullable(timestamp),
  },
  key: ['id'],
})

/** What happened to an email, one row each. `who` is the author of a reply, or the recipient a bounce is about. */
const entry = table({
  columns: {
    email_id: text,
    id: text,
    kind: text,
    at: timestamp,
    recipient: nullable(integer),
    link: nullable(integer),
    verdict: nullable(text),
    reason: nullable(text),
    repeats: integer,
    network: nullable(text),
    user_agent: nullable(text),
    who: nullable(text),
    note: nullable(text),
  },
  key: ['email_id', 'id'],
  indexes: ['(email_id, at, id)'],
})

export type TimelineEmail = RowOf<typeof email>
export type TimelineEntry = RowOf<typeof entry>

const tables = {
  email,
  /** Kept apart from the head because every hit changes it. */
  state: table({ columns: { email_id: text, engagement: text }, key: ['email_id'] }),
  entry,
}

const events = [EmailQueued, ...engagementEvents] as const

type TimelineEvent = RecordedEvent<EventOf<(typeof events)[number]>>

/**
 * What became of each email: sending, every request for its pixel and links with its verdict, replies, bounces. A
 * verdict is changed in place when a later hit changes how an earlier one is judged.
 */
export const emailTimeline = projection({
  name: 'email-timeline',
  version: 4,
  tables,
  events,
  fold: (event, rows) => {
    const id = event.data.outgoingId
    if (event.type === 'EmailQueued') {
      rows.put('email', newEmail(event.data))
      return putState(rows, id, engagementOf(event.data))
    }
    const state = rows.get('state', { email_id: id })
    if (!state) return
    const added = entryOf(event)
    if (added) rows.put('entry', added)
    if (!isEngagementEvent(event)) return
    const before = readEngagement(state.engagement)
    const after = engage(before, event)
    putState(rows, id, after)
    putVerdicts(rows, id, before, after)
  },
})

const putState = (rows: Rows<typeof tables>, id: string, engagement: Engagement): void =>
  rows.put('state', { email_id: id, engagement: engagementText(engagement) })

const newEmail = (queued: EventOf<typeof EmailQueued>['data']): TimelineEmail => {
  const { subject, from, to, cc, bcc } = queued.header
  return {
    id: queued.outgoingId,
    account_id: queued.accountId,
    user_id: queued.userId,
    template_id: queued.template?.templateId ?? null,
    subject,
    from,
    recipients: { to, cc, bcc },
    envelope: queued.envelope.recipients,
    tracking: queued.tracking,
    queued_at: queued.queuedAt,
    scheduled_at: queued.scheduledAt,
  }
}

const entryOf = (event: TimelineEvent): TimelineEntry | null => {
  const entryAt = (kind: EntryKind, at: string, of: Partial<TimelineEntry> = {}): TimelineEntry => ({
    email_id: event.data.outgoingId,
    id: event.id,
    kind,
    at,
    recipient: null,
    link: null,
    verdict: null,
    reason: null,
    repeats: 0,
    network: null,
    user_agent: null,
    who: null,
    note: null,
    ...of,
  })
  const { occurredAt } = event.metadata
  switch (event.type) {
    case 'EmailSent': {
      const { sentAt, first, accepted } = event.data
      return entryAt('sent', sentAt, first ? {} : { who: accepted.join(', ') })
    }
    case 'EmailDeferred':
      return entryAt('deferred', occurredAt, { note: event.data.reason })
    case 'EmailFailed':
      return entryAt('failed', occurredAt, { note: event.data.reason })
    case 'EmailOutcomeLost':
      return entryAt('unknown', occurredAt, { note: event.data.reason })
    case 'EmailBounced': {
      const { recipient: who, permanent, status, diagnostic } = event.data
      const said = diagnostic ? `: ${diagnostic}` : ''
      return entryAt('bounced', occurredAt, {
        who,
        note: `${permanent ? 'permanent' : 'temporary'}${status ? ` (${status})` : ''}${said}`,
      })
    }
    case 'EmailReplied':
      return entryAt('replied', event.data.at, { who: event.data.from })
    case 'OpenTracked':
    case 'ClickTracked': {
      const { at, recipient, repeats, ip, userAgent } = event.data
      const link = event.type === 'ClickTracked' ? event.data.link : null
      const hit = { recipient, link, repeats, network: networkOf(ip), user_agent: userAgent }
      return entryAt(link === null ? 'opened' : 'clicked', at, hit)
    }
    case 'EmailQueued':
    case 'EmailCancelled':
    case 'EmailReleased':
    case 'EmailOutcomeSettled':
    case 'EmailRetried':
    case 'EmailDelivered':
      return null
  }
}

/** Writes the verdicts that the latest event has added or changed. */
const putVerdicts = (
  rows: Rows<typeof tables>,
  emailId: string,
  before: Engagement,
  after: Engagement,
): void => {
  const known = judgeEngagement(before).judgements
  for (const [id, judgement] of judgeEngagement(after).judgements) {
    if (isSame(known.get(id), judgement)) continue
    const row = rows.get('entry', { email_id: emailId, id })
    if (row) rows.put('entry', { ...row, verdict: judgement.verdict, reason: judgement.reason })
  }
}

const isSame = (one: Judgement | undefined, other: Judgement): boolean =>
  one !== undefined && one.verdict === other.verdict && one.reason === other.reason
