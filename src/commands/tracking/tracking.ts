import type { EventStore } from '../ports/event-log.ts'
import { recordHits } from './record-hits.ts'
import { recordReply } from './record-reply.ts'

export type TrackingDeps = { readonly store: EventStore }

/** What is recorded about sent emails. */
export const trackingCommands = (deps: TrackingDeps) => ({
  recordHits: recordHits(deps),
  recordReply: recordReply(deps),
})
