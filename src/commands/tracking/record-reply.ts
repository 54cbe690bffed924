import { EmailReplied } from '../../domain/tracking/events.ts'
import { isRecordedReply, trackingStream } from '../../domain/tracking/fold-hits.ts'
import { newEvent, sourceEventId, type Caller } from '../handle.ts'
import { DuplicateEvent, RevisionConflict, type EventStore } from '../ports/event-log.ts'

/** An incoming message that replies to an email of ours; `at` is when it arrived. */
export type Reply = {
  readonly outgoingId: string
  readonly accountId: string
  readonly messageId: string
  readonly from: string
  readonly at: string
}

const ATTEMPTS = 5

/** Records that an email was answered; the same reply again changes nothing. */
export const recordReply =
  (deps: { store: EventStore }) =>
  async (caller: Caller, reply: Reply): Promise<{ recorded: boolean }> => {
    const stream = trackingStream(reply.outgoingId)
    for (let attempt = 1; ; attempt++) {
      const history = await deps.store.readStream(stream)
      if (isRecordedReply(history, reply.messageId)) return { recorded: false }
      const id = sourceEventId(`reply ${reply.outgoingId} ${reply.messageId}`)
      const event = newEvent(EmailReplied(reply), id, caller, reply.at)
      const revision = history.at(-1)?.revision ?? -1
      try {
        const expected = revision === -1 ? 'no_stream' : revision
        const { repeated } = await deps.store.append({ stream, expected, events: [event] })
        return { recorded: !repeated }
      } catch (error) {
        const overtaken = error instanceof RevisionConflict || error instanceof DuplicateEvent
        if (!overtaken || attempt === ATTEMPTS) throw error
      }
    }
  }
