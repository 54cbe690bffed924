import type { Kysely } from 'kysely'
import { timeline } from './entries.ts'
import { followTimeline } from './follow-timeline.ts'
import { listTimeline, type TimelineDeps } from './list-timeline.ts'

export const timelineProjections = [timeline]

export const timelineQueries = (db: Kysely<unknown>, deps: TimelineDeps) => ({
  readModels: { timeline },
  list: listTimeline(db, deps),
  follow: followTimeline(db, deps),
})

export type TimelineQueries = ReturnType<typeof timelineQueries>
