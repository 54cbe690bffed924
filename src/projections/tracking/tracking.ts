import type { Kysely } from 'kysely'
import type { VisibilityDeps } from '../projection.ts'
import { emailTracking } from './email-timeline-queries.ts'
import { emailTimeline } from './email-timeline.ts'
import { dueReplies, repliesToRecord } from './replies-to-record.ts'

export const trackingProjections = [emailTimeline, repliesToRecord]

/** What can be asked about hits and replies, and which replies remain to be recorded. */
export const trackingQueries = (db: Kysely<unknown>, deps: Omit<VisibilityDeps, 'visibleAccounts'>) => ({
  readModels: { emailTimeline, repliesToRecord },
  ofEmail: emailTracking(db, deps),
  dueReplies: dueReplies(db),
})

export type TrackingQueries = ReturnType<typeof trackingQueries>
