import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { draftOf } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** Whoever has announced an email queues it within this time, or has died. */
const QUEUED_WITHIN_MS = 120_000

/**
 * Whether an email that was announced at this time, to be queued at once, is certainly not on its way and will not be
 * because of that announcement: it was cancelled, failed, or whoever was to queue it has died. What may still be under
 * way is told by time, and its draft is written anew, so that it comes too late.
 */
export const abandonQueueing =
  ({ load, handle, clock }: { readonly load: Load; readonly handle: Handle; readonly clock: Clock }) =>
  async (caller: Caller, outgoingId: string, announcedAt: string): Promise<boolean> => {
    const stream = outgoingStream(outgoingId)
    const { state, revision } = await load(outgoingEmail, stream)
    if (state.status === 'discarded') return true
    if ('email' in state && draftOf(state) === null) return false
    const isOver = clock().getTime() - Date.parse(announcedAt) > QUEUED_WITHIN_MS
    if ('email' in state) return isOver || state.email.queuedAt === announcedAt
    if (!isOver) return false
    const ifRevision = revision === -1 ? 'none' : revision
    await handle(outgoingEmail, stream, { do: 'abandon', outgoingId }, caller, { ifRevision })
    return true
  }
