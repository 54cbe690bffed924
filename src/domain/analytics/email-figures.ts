import type { Verdict } from '../tracking/classify-hit.ts'
import { opensOf, type Engagement, type HitCounts } from './engagement.ts'

type OfVerdict = { readonly opens: number; readonly clicks: number }

/** What a tracking report counts of one email: `opens` and `linkClicks` are those of people, each under its own policy. */
export type EmailFigures = {
  readonly opens: number
  readonly uniqueOpens: number
  readonly linkClicks: number
  readonly replies: number
  readonly lastActivityAt: string | null
  readonly human: OfVerdict
  readonly machine: OfVerdict
  readonly unknown: OfVerdict
  readonly own: OfVerdict
}

export const figuresOf = (engagement: Engagement, counts: HitCounts): EmailFigures => {
  const { opens, unique } = opensOf(engagement, counts)
  const of = (verdict: Verdict) => ({ opens: counts.opens[verdict], clicks: counts.clicks[verdict] })
  const last = Math.max(counts.lastHumanAt ?? 0, engagement.lastReplyAt ?? 0, engagement.sentAt ?? 0)
  return {
    opens,
    uniqueOpens: unique,
    linkClicks: engagement.wanted.clicks ? counts.clicks.human : 0,
    replies: engagement.replies,
    lastActivityAt: last === 0 ? null : new Date(last).toISOString(),
    human: of('human'),
    machine: of('machine'),
    unknown: of('unknown'),
    own: of('own'),
  }
}
