import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { Clock } from '../ports/clock.ts'
import { ownEmail } from './own-email.ts'
import type { FindAccount } from './ports.ts'

/**
 * A person's word on a message that came to no good end: one whose outcome is unknown is sent again, knowing that it
 * may arrive twice, or let be; one that failed is tried again. Nobody else has anything sent again.
 */
export const settleEmail =
  (deps: { handle: Handle; load: Load; clock: Clock; findAccount: FindAccount }) =>
  async (
    caller: Caller,
    input: { outgoingId: string; decision: 'send-again' | 'give-up' },
    ifRevision?: IfRevision,
  ): Promise<Handled<OutgoingEmail>> => {
    const { outgoingId, decision } = input
    const stream = outgoingStream(outgoingId)
    const state = await ownEmail(deps)(outgoingId, userOf(caller))
    const now = deps.clock().toISOString()
    if (state.status === 'failed' && decision === 'send-again')
      return deps.handle(outgoingEmail, stream, { do: 'retry', now }, caller, { ifRevision })
    return deps.handle(outgoingEmail, stream, { do: 'settle-unknown', decision, now }, caller, { ifRevision })
  }
