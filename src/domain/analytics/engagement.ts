import type { EventOf, RecordedEvent } from '../event.ts'
import {
  EmailBounced,
  EmailCancelled,
  EmailDeferred,
  EmailDelivered,
  EmailFailed,
  EmailSent,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailReleased,
  EmailRetried,
  type EmailQueued,
} from '../sending/events.ts'
import { deliveryTo, told, type Delivery } from '../sending/delivery.ts'
import { outcomeOfEmail, type EmailOutcome } from '../sending/outcome.ts'
import { classifyHits, inspectHit, type Hit, type Judgement, type Verdict } from '../tracking/classify-hit.ts'
import { ClickTracked, EmailReplied, OpenTracked } from '../tracking/events.ts'

/** Who opened or clicked: indices in the envelope, null for a shared copy. */
type Audience = readonly (number | null)[]

/**
 * Counts by verdict; `openedBy` and `clickedBy` are people only. A person's repeat within 30 s is not counted again.
 */
export type HitCounts = {
  readonly opens: Readonly<Record<Verdict, number>>
  readonly clicks: Readonly<Record<Verdict, number>>
  readonly openedBy: Audience
  readonly clickedBy: Audience
  readonly lastHumanAt: number | null
}

/**
 * What became of one email: plain data, folded from its events by every read model that shows it, so that they all
 * agree. `hits` are the latest ones, whose verdicts may still change; `settled` counts the rest. Times are ms since
 * 1970.
 */
export type Engagement = {
  readonly links: number
  /** The policy under which opens and clicks count. */
  readonly wanted: { readonly opens: boolean; readonly clicks: boolean }
  readonly delivery: Delivery
  readonly sentAt: number | null
  readonly releasedAt: number | null
  readonly perhapsSentAt: number | null
  readonly replies: number
  readonly lastReplyAt: number | null
  readonly hits: readonly Hit[]
  readonly settled: HitCounts
}

/** The events that matter here, apart from queueing. */
export const engagementEvents = [
  EmailCancelled,
  EmailReleased,
  EmailSent,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailRetried,
  EmailDelivered,
  EmailBounced,
  OpenTracked,
  ClickTracked,
  EmailReplied,
] as const
export type EngagementEvent = EventOf<(typeof engagementEvents)[number]>

/** For folds that also read other events. */
export const isEngagementEvent = (event: RecordedEvent): event is RecordedEvent<EngagementEvent> =>
  engagementEvents.some(({ type }) => type === event.type)

/** Enough for every rule of the classifier, which looks back 30 s, unless the email is under attack. */
const HITS_KEPT = 100

const nothing: HitCounts = {
  opens: { human: 0, machine: 0, own: 0, unknown: 0 },
  clicks: { human: 0, machine: 0, own: 0, unknown: 0 },
  openedBy: [],
  clickedBy: [],
  lastHumanAt: null,
}

/** An email that was only queued so far. */
export const engagementOf = (queued: EventOf<typeof EmailQueued>['data']): Engagement => ({
  links: queued.tracking.links.length,
  wanted: queued.tracking.wanted,
  delivery: deliveryTo(queued.envelope.recipients),
  sentAt: null,
  releasedAt: null,
  perhapsSentAt: null,
  replies: 0,
  lastReplyAt: null,
  hits: [],
  settled: nothing,
})

/** As text, for read models to store: they never look into it, and text is the cheapest column. */
export const engagementText = (of: Engagement): string => JSON.stringify(of)
export const readEngagement = (text: string): Engagement => JSON.parse(text) as Engagement

/** The email after one more of its events. */
export const engage = (before: Engagement, event: RecordedEvent<EngagementEvent>): Engagement => {
  const at = Date.parse(event.metadata.occurredAt)
  switch (event.type) {
    case 'EmailReleased':
      return { ...before, releasedAt: at }
    case 'EmailOutcomeLost': {
      const perhapsSentAt = before.perhapsSentAt ?? before.releasedAt ?? at
      return { ...before, perhapsSentAt, delivery: told(before.delivery, event) }
    }
    case 'EmailSent': {
      const sentAt = before.sentAt ?? Date.parse(event.data.sentAt)
      return { ...before, sentAt, delivery: told(before.delivery, event) }
    }
    case 'EmailReplied': {
      const repliedAt = Date.parse(event.data.at)
      return {
        ...before,
        delivery: told(before.delivery, event),
        replies: before.replies + 1,
        lastReplyAt: Math.max(repliedAt, before.lastReplyAt ?? repliedAt),
      }
    }
    case 'EmailCancelled':
    case 'EmailDeferred':
    case 'EmailFailed':
    case 'EmailOutcomeSettled':
    case 'EmailRetried':
    case 'EmailDelivered':
    case 'EmailBounced':
      return { ...before, delivery: told(before.delivery, event) }
    case 'OpenTracked':
    case 'ClickTracked':
      return keepHit(before, inspectHit(event.id, event))
  }
}

const keepHit = (before: Engagement, hit: Hit): Engagement => {
  const { hits, settled } = before
  if (hits.length < HITS_KEPT) return { ...before, hits: [...hits, hit] }
  // The verdict on the oldest hit, as last shown, becomes final.
  const judgements = classifyHits(judged(before), hits)
  const oldest = hits.reduce((first, { at }, index) => (at < hits[first]!.at ? index : first), 0)
  return {
    ...before,
    hits: [...hits.filter((_, index) => index !== oldest), hit],
    settled: count(settled, hits[oldest]!, judgements[oldest]!),
  }
}

// An email whose answer was lost may have arrived from then on; a later answer does not change that.
const judged = ({ perhapsSentAt, sentAt, links }: Engagement) => ({
  links,
  acceptedAt:
    perhapsSentAt !== null && sentAt !== null ? Math.min(perhapsSentAt, sentAt) : (sentAt ?? perhapsSentAt),
})

const count = (counts: HitCounts, hit: Hit, { verdict, reason }: Judgement): HitCounts => {
  if (reason === 'repeat') return counts
  const of = hit.kind === 'open' ? 'opens' : 'clicks'
  const added = { ...counts, [of]: { ...counts[of], [verdict]: counts[of][verdict] + 1 } }
  if (verdict !== 'human') return added
  const by = hit.kind === 'open' ? 'openedBy' : 'clickedBy'
  return {
    ...added,
    [by]: counts[by].includes(hit.recipient) ? counts[by] : [...counts[by], hit.recipient],
    lastHumanAt: Math.max(hit.at, counts.lastHumanAt ?? hit.at),
  }
}

/**
 * The verdicts on the hits that may still change, by id, and all counts. At `now` (ms), recent hits are still
 * undecided.
 */
export const judgeEngagement = (
  of: Engagement,
  now?: number,
): { readonly judgements: ReadonlyMap<string, Judgement>; readonly counts: HitCounts } => {
  const judgements = classifyHits(judged(of), of.hits, now)
  const byId = new Map<string, Judgement>()
  let counts = of.settled
  for (const [index, hit] of of.hits.entries()) {
    const judgement = judgements[index]
    if (!judgement) continue
    byId.set(hit.id, judgement)
    counts = count(counts, hit, judgement)
  }
  return { judgements: byId, counts }
}

/**
 * What a report counts, each email at most once per figure. `rawOpened` and `rawClicked` count any request but our own.
 * Delivered and bounced are those of the email as a whole. Opened and clicked are shares of delivered, each counted
 * only under its own policy.
 */
export type Outcome = {
  readonly sent: boolean
  readonly delivered: boolean
  readonly bounced: boolean
  readonly opened: boolean
  readonly clicked: boolean
  readonly replied: boolean
  readonly rawOpened: boolean
  readonly rawClicked: boolean
}

/** The outcome of the email and of each recipient. Held hits count here, so that all read models agree. */
export const emailOutcome = (of: Engagement): EmailOutcome => {
  const { opens, clicks } = judgeEngagement(of).counts
  const sent = of.sentAt !== null
  return outcomeOfEmail(of.delivery, {
    engaged: sent && opens.human + clicks.human > 0,
    replied: sent && of.replies > 0,
  })
}

/** What an email counts for. */
export const outcomeOf = (of: Engagement): Outcome => {
  const { counts } = judgeEngagement(of)
  const { opens, clicks } = counts
  const { status } = emailOutcome(of).delivery
  const sent = of.sentAt !== null
  const delivered = status === 'delivered'
  const { opens: countOpens, clicks: countClicks } = of.wanted
  return {
    sent,
    delivered,
    bounced: status === 'bounced',
    opened: delivered && opensOf(of, counts).unique > 0,
    clicked: delivered && countClicks && clicks.human > 0,
    replied: sent && of.replies > 0,
    rawOpened: sent && countOpens && opens.human + opens.machine + opens.unknown > 0,
    rawClicked: sent && countClicks && clicks.human + clicks.machine + clicks.unknown > 0,
  }
}

/**
 * Opens by people, including those that only a click or a reply proves, since pictures may be blocked; and at least how
 * many recipients they come from. None if opens are not to be counted.
 */
export const opensOf = (
  { wanted, replies }: Pick<Engagement, 'wanted' | 'replies'>,
  { opens, openedBy, clickedBy }: HitCounts,
): { opens: number; unique: number } => {
  if (!wanted.opens) return { opens: 0, unique: 0 }
  const onlyClicked = clickedBy.filter((recipient) => !openedBy.includes(recipient))
  const unique = openedBy.length + onlyClicked.length
  const onlyAnswered = unique === 0 && replies > 0 ? 1 : 0
  return { opens: opens.human + onlyClicked.length + onlyAnswered, unique: unique + onlyAnswered }
}
