import { systemCaller } from '../handle.ts'
import type { Clock } from '../ports.ts'
import type { recordReply, Reply } from './record-reply.ts'

const PAGE = 100

/** Records the replies that a sync has found. */
export const recordDueReplies =
  (deps: {
    readonly clock: Clock
    readonly dueReplies: (limit: number) => Promise<readonly Reply[]>
    readonly record: ReturnType<typeof recordReply>
  }) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const due = await deps.dueReplies(PAGE)
    for (const reply of due) {
      if (signal.aborted) return false
      await deps.record(systemCaller('replies', deps.clock, reply.outgoingId), reply)
    }
    return due.length === PAGE
  }
