import type { Kysely } from 'kysely'
import { CLASSIFIER_VERSION, type Reason, type Verdict } from '../../domain/tracking/classify-hit.ts'
import {
  judgeEngagement,
  opensOf,
  outcomeOf,
  readEngagement,
  type Engagement,
  type HitCounts,
  type Outcome,
} from '../../domain/analytics/engagement.ts'
import type { Mailbox } from '../../domain/mail.ts'
import { tablesOf, type MayRead } from '../projection.ts'
import {
  emailTimeline,
  type EntryKind,
  type TimelineEntry,
  type TimelineEmail,
  type TimelineState,
} from './email-timeline.ts'
import { linkLabel, openNumber, reasonWords } from './timeline-words.ts'

/** `recipient` is the address whose own copy it was, null where the copy is shared by several. Times are RFC 3339. */
type Activity = {
  id: string
  event: EntryKind
  at: string
  details: string
  recipient: string | null
  link: { index: number; url: string; text: string; label: string } | null
  verdict: Verdict | null
  reason: Reason | null
  repeats: number
  network: string | null
  userAgent: string | null
}

type DeliveryStatus = 'pending' | 'accepted' | 'delivered' | 'bounced' | 'failed' | 'unknown' | 'cancelled'

/** `attribution` says whether opens tell recipients apart; where they do not, `uniqueOpens` is at least so many. */
type TrackingSummary = {
  opens: number
  uniqueOpens: number
  linkClicks: number
  replies: number
  recipients: number
  attribution: 'recipient' | 'message'
  lastActivityAt: string | null
  human: { opens: number; clicks: number }
  machine: { opens: number; clicks: number }
  unknown: { opens: number; clicks: number }
  own: { opens: number; clicks: number }
  classifierVersion: number
}

export type EmailTracking = {
  id: string
  accountId: string
  templateId: string | null
  subject: string
  from: Mailbox
  to: Mailbox[]
  cc: Mailbox[]
  bcc: Mailbox[]
  state: TimelineState
  queuedAt: string
  scheduledAt: string | null
  sentAt: string | null
  delivery: { status: DeliveryStatus; at: string | null; basis: string | null }
  tracking: { opens: boolean; clicks: boolean; reason: string }
  activity: Activity[]
  /** There is more activity than is shown: the oldest is left out. */
  truncated: boolean
  summary: TrackingSummary
}

const ACTIVITY_LIMIT = 1000

/**
 * The tracking report of one message that this user (null: anybody) may see, oldest activity first. `now` holds hits
 * back that are too young to count as a person's; without it each counts by what is known. Null where there is no such
 * message.
 */
export const emailTracking =
  (db: Kysely<unknown>, { mayRead }: { readonly mayRead: MayRead }) =>
  async (
    id: string,
    userId: string | null,
    { now, limit = ACTIVITY_LIMIT }: { readonly now?: Date; readonly limit?: number } = {},
  ): Promise<EmailTracking | null> => {
    const tables = tablesOf(db, emailTimeline)
    const row = await tables
      .selectFrom('message')
      .innerJoin('state', 'state.message_id', 'message.id')
      .selectAll('message')
      .select('state.engagement')
      .where('id', '=', id)
      .executeTakeFirst()
    if (!row || !(await mayRead(row.account_id, userId))) return null
    const entries = await tables
      .selectFrom('entry')
      .selectAll()
      .where('message_id', '=', id)
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    return trackingOf(row, entries.slice(0, limit).toReversed(), entries.length > limit, now)
  }

/** The report from its rows; `entries` are oldest first. */
export const trackingOf = (
  row: TimelineEmail & { readonly engagement: string },
  entries: readonly TimelineEntry[],
  truncated: boolean,
  now?: Date,
): EmailTracking => {
  const engagement = readEngagement(row.engagement)
  const { judgements, counts } = judgeEngagement(engagement, now?.getTime())
  const outcome = outcomeOf(engagement, counts)
  const judged = entries.map((entry): TimelineEntry => ({ ...entry, ...judgements.get(entry.id) }))
  const isCounted = ({ kind, verdict, reason }: TimelineEntry): boolean =>
    kind === 'opened' && verdict === 'human' && reason !== 'repeat'
  let number = counts.opens.human - judged.filter(isCounted).length
  const activity = judged.map((entry) => {
    if (isCounted(entry)) number++
    return activityOf(row, entry, number, outcome)
  })
  const { opens, clicks, reason } = row.tracking
  return {
    id: row.id,
    accountId: row.account_id,
    templateId: row.template_id,
    subject: row.subject,
    from: row.from,
    ...row.recipients,
    state: row.state as TimelineState,
    queuedAt: row.queued_at,
    scheduledAt: row.scheduled_at,
    sentAt: row.sent_at,
    delivery: deliveryOf(row, outcome),
    tracking: { opens, clicks, reason },
    activity,
    truncated,
    summary: summaryOf(row, engagement, counts),
  }
}

const activityOf = (row: TimelineEmail, entry: TimelineEntry, number: number, outcome: Outcome): Activity => {
  const found = entry.link === null ? undefined : row.tracking.links.find(({ index }) => index === entry.link)
  const link = found ? { ...found, label: linkLabel(found) } : null
  return {
    id: entry.id,
    event: entry.kind as EntryKind,
    at: entry.at,
    details: detailsOf(row, entry, { number, outcome, label: link?.label ?? `number ${entry.link}` }),
    recipient: recipientOf(row, entry),
    link,
    verdict: entry.verdict as Verdict | null,
    reason: entry.reason as Reason | null,
    repeats: entry.repeats,
    network: entry.network,
    userAgent: entry.user_agent,
  }
}

const recipientOf = ({ envelope }: TimelineEmail, { kind, recipient }: TimelineEntry): string | null => {
  if (kind !== 'opened' && kind !== 'clicked') return null
  return envelope[recipient ?? (envelope.length === 1 ? 0 : -1)] ?? null
}

const detailsOf = (
  row: TimelineEmail,
  { kind, verdict, reason, who, note }: TimelineEntry,
  { number, outcome, label }: { number: number; outcome: Outcome; label: string },
): string => {
  const why = reason === null || reason === 'person' ? '' : reasonWords(reason as Reason)
  switch (kind as EntryKind) {
    case 'sent':
      return sentDetails(row, outcome)
    case 'opened':
      if (verdict === 'human' && reason !== 'repeat') return openNumber(number)
      return `Not counted: ${why}`
    case 'clicked':
      return why ? `Link: ${label} (${verdict === 'human' ? '' : 'not counted: '}${why})` : `Link: ${label}`
    case 'replied':
      return `Reply from ${who ?? ''}`.trimEnd()
    case 'bounced':
      return `${who ?? 'A recipient'}: ${note ?? ''}`
    case 'failed':
      return `Not sent: ${note ?? ''}`
    case 'unknown':
      return `It is not known whether it was sent: ${note ?? ''}`
  }
}

const sentDetails = (row: TimelineEmail, { delivered, bounced }: Outcome): string => {
  const refused = row.refused.length === 0 ? '' : `; refused for ${row.refused.join(', ')}`
  if (bounced) return `Bounced${refused}`
  return `${delivered ? 'Delivered successfully' : 'Accepted by the mail server'}${refused}`
}

const deliveryOf = (row: TimelineEmail, outcome: Outcome): EmailTracking['delivery'] => {
  if (outcome.delivered) {
    const basis = row.delivery_basis ?? (outcome.replied ? 'reply' : 'engagement')
    return { status: 'delivered', at: row.delivered_at, basis }
  }
  if (outcome.bounced) return { status: 'bounced', at: null, basis: null }
  switch (row.state as TimelineState) {
    case 'queued':
      return { status: 'pending', at: null, basis: null }
    case 'sent':
      return { status: 'accepted', at: row.sent_at, basis: 'answer' }
    case 'failed':
    case 'unknown':
    case 'cancelled':
      return { status: row.state as 'failed' | 'unknown' | 'cancelled', at: null, basis: null }
  }
}

const summaryOf = (row: TimelineEmail, engagement: Engagement, counts: HitCounts): TrackingSummary => {
  const { opens, unique } = opensOf(counts)
  const of = (verdict: Verdict) => ({ opens: counts.opens[verdict], clicks: counts.clicks[verdict] })
  const last = Math.max(counts.lastHumanAt ?? 0, engagement.lastReplyAt ?? 0, engagement.sentAt ?? 0)
  const { hits } = engagement
  const shared = hits.length === 0 || hits.some(({ recipient }) => recipient === null)
  return {
    opens,
    uniqueOpens: unique,
    linkClicks: counts.clicks.human,
    replies: engagement.replies,
    recipients: row.envelope.length,
    attribution: row.envelope.length > 1 && shared ? 'message' : 'recipient',
    lastActivityAt: last === 0 ? null : new Date(last).toISOString(),
    human: of('human'),
    machine: of('machine'),
    unknown: of('unknown'),
    own: of('own'),
    classifierVersion: CLASSIFIER_VERSION,
  }
}
