import { figuresOf, type EmailFigures } from '../analytics/email-figures.ts'
import {
  emailOutcome,
  engage,
  engagementOf,
  isEngagementEvent,
  judgeEngagement,
  type Engagement,
} from '../analytics/engagement.ts'
import type { AnyEvent } from '../catalogue.ts'
import type { RecordedEvent } from '../event.ts'
import type { EmailOutcome } from '../sending/outcome.ts'

/** What the tracking report of an email says of it, in the report's own words. */
export type TrackingReport = {
  readonly delivery: EmailOutcome['delivery']
  readonly outcomes: EmailOutcome['recipients']
  readonly sentAt: string | null
  readonly summary: EmailFigures
}

/** Null until the email is queued. */
export const trackingReport = {
  initial: null,
  evolve: (state: Engagement | null, event: RecordedEvent<AnyEvent>): Engagement | null => {
    if (event.type === 'EmailQueued') return engagementOf(event.data)
    return state !== null && isEngagementEvent(event) ? engage(state, event) : state
  },
  shown: (state: Engagement | null): TrackingReport | Record<string, never> => {
    if (state === null) return {}
    const { delivery, recipients } = emailOutcome(state)
    const sentAt = state.sentAt === null ? null : new Date(state.sentAt).toISOString()
    return {
      delivery,
      outcomes: recipients,
      sentAt,
      summary: figuresOf(state, judgeEngagement(state).counts),
    }
  },
}
