import { z } from 'zod'
import { accountId, excludePattern } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { messageId } from './events.ts'

// In the stream `patterns-<accountId>`: its exclude patterns are applied to what is here already. Runs are numbered
// from 1; one that is still under way is replaced by the next.

const ofRun = { accountId, number: z.int().min(1) }

/** Messages that were looked at, and those of them that are hidden now and were not, or the other way round. */
const counts = z.object({ examined: z.int(), hidden: z.int(), shown: z.int() })
export type PatternRunCounts = z.infer<typeof counts>

/** Somebody asked for it, with the patterns that the account had then. */
export const PatternRunRequested = defineEvent(
  'PatternRunRequested',
  z.object({ ...ofRun, patterns: z.array(excludePattern) }),
)
/** All messages up to `after`, in the order of their ids, are as the patterns say. */
export const PatternRunProgressed = defineEvent(
  'PatternRunProgressed',
  z.object({ ...ofRun, after: messageId, ...counts.shape }),
)
/**
 * All messages are as the patterns say. `toFetch`: so many were left out in the mailbox by patterns that are no longer
 * among them; sync runs fetch those again.
 */
export const PatternRunFinished = defineEvent(
  'PatternRunFinished',
  z.object({ ...ofRun, ...counts.shape, toFetch: z.int() }),
)
/** Sync runs have asked for all that was to be fetched again. */
export const LeftOutMailFetched = defineEvent('LeftOutMailFetched', z.object(ofRun))

export const patternRunEvents = [
  PatternRunRequested,
  PatternRunProgressed,
  PatternRunFinished,
  LeftOutMailFetched,
] as const
export type PatternRunEvent = EventOf<(typeof patternRunEvents)[number]>
