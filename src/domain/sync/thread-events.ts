import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'

// In the stream `threads-<accountId>`: what people have decided about the threads of an account. `change` numbers them.
const ofAccount = { accountId, change: z.int().min(1) }
const threadId = idOf('thr')

/** `other` is part of `threadId`, although no message connects them. */
export const ThreadsMerged = defineEvent(
  'ThreadsMerged',
  z.object({ ...ofAccount, threadId, other: threadId }),
)
/** These messages of `threadId` are a thread of their own, `into`, and so is what answers them. */
export const ThreadSplit = defineEvent(
  'ThreadSplit',
  z.object({ ...ofAccount, threadId, into: threadId, messageIds: z.array(idOf('msg', 'out')).min(1) }),
)
/** A merge was undone: each message is in the thread that it was in, or would have come into, without it. */
export const ThreadMergeUndone = defineEvent(
  'ThreadMergeUndone',
  z.object({ ...ofAccount, threadId, other: threadId }),
)
/** A split was undone: what is in `into` is part of `threadId` again. */
export const ThreadSplitUndone = defineEvent(
  'ThreadSplitUndone',
  z.object({ ...ofAccount, threadId, into: threadId }),
)

export const threadEvents = [ThreadsMerged, ThreadSplit, ThreadMergeUndone, ThreadSplitUndone] as const
export type ThreadEvent = EventOf<(typeof threadEvents)[number]>
