import { systemCaller } from '../handle.ts'
import { pageByPage } from '../to-do-work.ts'
import type { Clock } from '../ports/clock.ts'
import type { recordReply, Reply } from './record-reply.ts'

const PAGE = 100

export type RecordDueRepliesDeps = {
  readonly clock: Clock
  readonly dueReplies: (limit: number) => Promise<readonly Reply[]>
  readonly record: ReturnType<typeof recordReply>
}

/** Records the replies that a sync has found. */
export const recordDueReplies = ({ clock, dueReplies, record }: RecordDueRepliesDeps) =>
  pageByPage(
    PAGE,
    dueReplies,
    ({ outgoingId, messageId }) => `${outgoingId} ${messageId}`,
    (reply) => record(systemCaller('replies', clock, reply.outgoingId), reply),
  )
