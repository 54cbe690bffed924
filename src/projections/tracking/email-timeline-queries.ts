import type { Kysely } from 'kysely'
import { CLASSIFIER_VERSION, type Reason, type Verdict } from '../../domain/tracking/classify-hit.ts'
import { figuresOf, type EmailFigures } from '../../domain/analytics/email-figures.ts'
import {
  emailOutcome,
  judgeEngagement,
  readEngagement,
  type Engagement,
  type HitCounts,
} from '../../domain/analytics/engagement.ts'
import type { Mailbox } from '../../domain/mail.ts'
import type { DeliveryName, EmailOutcome } from '../../domain/sending/outcome.ts'
import { emailVisibility, tablesOf, type Masked, type VisibilityDeps, type Visible } from '../projection.ts'
import { emailTimeline, type EntryKind, type TimelineEntry, type TimelineEmail } from './email-timeline.ts'
import { linkLabel, openNumber, reasonWords } from './timeline-words.ts'

/** `recipient` is the address whose own copy was requested; null if several share a copy. Times are RFC 3339. */
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

/** The email as a whole: `sent` once any of it was taken. */
type TimelineState = 'queued' | 'sent' | 'failed' | 'unknown' | 'cancelled'

/** `attribution` says whether opens can be told apart by recipient; if not, `uniqueOpens` is a lower bound. */
type TrackingSummary = EmailFigures & {
  recipients: number
  attribution: 'recipient' | 'email'
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
  delivery: EmailOutcome['delivery']
  /** The outcome for each recipient. */
  outcomes: EmailOutcome['recipients']
  tracking: { opens: boolean; clicks: boolean; reason: string }
  activity: Activity[]
  /** There is more activity than shown; the oldest is left out. */
  truncated: boolean
  summary: TrackingSummary
}

/** The same as a user sees it who sees this much. */
export type VisibleTracking = Masked<EmailTracking, 'subject'>

const ACTIVITY_LIMIT = 1000

/**
 * The tracking report of one email as far as this user (null: a program) sees it, oldest activity first. With `now`, hits too
 * recent to be judged as a person's are not counted yet; without it each counts by what is known. Null if there is no
 * such email.
 */
export const emailTracking =
  (db: Kysely<unknown>, deps: Omit<VisibilityDeps, 'visibleAccounts'>) =>
  async (
    id: string,
    userId: string | null,
    { now, limit = ACTIVITY_LIMIT }: { readonly now?: Date; readonly limit?: number } = {},
  ): Promise<VisibleTracking | null> => {
    const tables = tablesOf(db, emailTimeline)
    const row = await tables
      .selectFrom('email')
      .innerJoin('state', 'state.email_id', 'email.id')
      .selectAll('email')
      .select('state.engagement')
      .where('id', '=', id)
      .executeTakeFirst()
    if (!row) return null
    const isSent = readEngagement(row.engagement).sentAt !== null
    const visibility = await emailVisibility(deps, userId)({ ...row, isSent })
    if (visibility === 'nothing') return null
    const entries = await tables
      .selectFrom('entry')
      .selectAll()
      .where('email_id', '=', id)
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    const shown = entries.slice(0, limit).toReversed()
    return visibleTracking(row, shown, entries.length > limit, visibility, now)
  }

/** A report that is not visible as a whole has no links that were clicked, and no words of servers, which may quote it. */
const visibleTracking = (
  row: TimelineEmail & { readonly engagement: string },
  entries: readonly TimelineEntry[],
  truncated: boolean,
  visibility: Visible,
  now?: Date,
): VisibleTracking => {
  if (visibility === 'everything') return { ...trackingOf(row, entries, truncated, now), visibility }
  const masked = entries.map((entry) => ({ ...entry, link: null, note: null }))
  const report = trackingOf(row, masked, truncated, now)
  return {
    ...report,
    subject: visibility === 'metadata' ? null : report.subject,
    outcomes: report.outcomes.map((outcome) => ({ ...outcome, diagnostic: null })),
    visibility,
  }
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
  const outcome = emailOutcome(engagement)
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
    state: stateOf(outcome.delivery.status),
    queuedAt: row.queued_at,
    scheduledAt: row.scheduled_at,
    sentAt: engagement.sentAt === null ? null : new Date(engagement.sentAt).toISOString(),
    delivery: outcome.delivery,
    outcomes: outcome.recipients,
    tracking: { opens, clicks, reason },
    activity,
    truncated,
    summary: summaryOf(row, engagement, counts),
  }
}

const activityOf = (
  row: TimelineEmail,
  entry: TimelineEntry,
  number: number,
  outcome: EmailOutcome,
): Activity => {
  const found = entry.link === null ? undefined : row.tracking.links.find(({ index }) => index === entry.link)
  const link = found ? { ...found, label: linkLabel(found) } : null
  const label = link?.label ?? (entry.link === null ? 'not visible to you' : `number ${entry.link}`)
  return {
    id: entry.id,
    event: entry.kind as EntryKind,
    at: entry.at,
    details: detailsOf(entry, { number, outcome, label }),
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
  { kind, verdict, reason, who, note }: TimelineEntry,
  { number, outcome, label }: { number: number; outcome: EmailOutcome; label: string },
): string => {
  const said = note === null ? '' : `: ${note}`
  const why = reason === null || reason === 'person' ? '' : reasonWords(reason as Reason)
  switch (kind as EntryKind) {
    case 'sent':
      return who === null ? sentDetails(outcome) : `Accepted for ${who}`
    case 'deferred':
      return `Deferred${said}`
    case 'opened':
      if (verdict === 'human' && reason !== 'repeat') return openNumber(number)
      return `Not counted: ${why}`
    case 'clicked':
      return why ? `Link: ${label} (${verdict === 'human' ? '' : 'not counted: '}${why})` : `Link: ${label}`
    case 'replied':
      return `Reply from ${who ?? ''}`.trimEnd()
    case 'bounced':
      return `${who ?? 'A recipient'}${said}`
    case 'failed':
      return `Not sent${said}`
    case 'unknown':
      return `It is not known whether it was sent${said}`
  }
}

const sentDetails = ({ delivery, recipients }: EmailOutcome): string => {
  const of = (...names: string[]) => recipients.filter(({ outcome }) => names.includes(outcome))
  const named = (some: EmailOutcome['recipients'], what: string): string =>
    some.length === 0 ? '' : `; ${what} ${some.map(({ address }) => address).join(', ')}`
  const others = `${named(of('refused'), 'refused for')}${named(of('deferred'), 'deferred for')}`
  if (delivery.status === 'bounced') return `Bounced${others}`
  const bounced = named(of('bounced'), 'bounced for')
  return `${delivery.status === 'delivered' ? 'Delivered successfully' : 'Accepted by the mail server'}${bounced}${others}`
}

const stateOf = (status: DeliveryName): TimelineState => {
  switch (status) {
    case 'pending':
      return 'queued'
    case 'accepted':
    case 'delivered':
    case 'bounced':
      return 'sent'
    case 'failed':
    case 'unknown':
    case 'cancelled':
      return status
  }
}

const summaryOf = (row: TimelineEmail, engagement: Engagement, counts: HitCounts): TrackingSummary => {
  const { hits } = engagement
  const shared = hits.length === 0 || hits.some(({ recipient }) => recipient === null)
  return {
    ...figuresOf(engagement, counts),
    recipients: row.envelope.length,
    attribution: row.envelope.length > 1 && shared ? 'email' : 'recipient',
    classifierVersion: CLASSIFIER_VERSION,
  }
}
