import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { Clock } from '../ports/clock.ts'
import { ownEmail } from './own-email.ts'
import type { FindAccount, ReserveReply } from './ports.ts'

/**
 * A person decides about an email whose outcome is unknown (send it again, although it may arrive twice, or give it up)
 * or that failed (try it again). Only a person can have an email sent again.
 */
export const settleEmail =
  (deps: {
    handle: Handle
    load: Load
    clock: Clock
    findAccount: FindAccount
    reserveReply: ReserveReply
  }) =>
  async (
    caller: Caller,
    input: {
      outgoingId: string
      decision: 'send-again' | 'give-up'
      conversationVersion?: number | undefined
      sendAnyway?: boolean | undefined
    },
    ifRevision?: IfRevision,
  ): Promise<Handled<OutgoingEmail>> => {
    const { outgoingId, decision } = input
    const stream = outgoingStream(outgoingId)
    const state = await ownEmail(deps)(outgoingId, userOf(caller))
    const now = deps.clock().toISOString()
    if (state.status === 'failed' && decision === 'send-again') {
      const { replyTo } = state.email.draft
      const { conversationVersion: seen = null, sendAnyway: anyway = false } = input
      const reply = { outgoingId, userId: userOf(caller), seen, anyway, at: now }
      if (replyTo) await deps.reserveReply(caller, { ...reply, to: replyTo.id })
      return deps.handle(outgoingEmail, stream, { do: 'retry', now }, caller, { ifRevision })
    }
    return deps.handle(outgoingEmail, stream, { do: 'settle-unknown', decision, now }, caller, { ifRevision })
  }
