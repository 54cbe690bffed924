import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand, ReleasingMessage } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { MailUnavailable, type OpenMailbox } from '../ports/mail-provider.ts'

type RecoverDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly openMailbox: OpenMailbox
}

/**
 * Tells what is known of an email whose sender died between its release and the answer; to be called under the account's
 * sending lease, which shows that nobody is at it. What the mailbox shows as sent was sent, and what it is certain of that
 * it was not goes back to be sent. Where neither is proved, it is never sent again from here.
 */
export const recoverReleased =
  (deps: RecoverDeps) =>
  async (caller: Caller, outgoingId: string, signal: AbortSignal): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (state.status !== 'releasing') return
    const became = await whatBecameOf(deps, state, signal)
    const command = commandOf(became, state.attempts + 1, deps.clock().toISOString())
    await deps.handle(outgoingEmail, stream, command, caller)
  }

const commandOf = (
  became: 'sent' | 'not-sent' | 'unknown',
  attempt: number,
  now: string,
): OutgoingCommand => {
  switch (became) {
    case 'sent':
      return { do: 'record-found', foundAt: now }
    case 'not-sent':
      return { do: 'put-back', attempt, now, reason: 'The service stopped before the email was sent' }
    case 'unknown':
      return {
        do: 'record-unknown',
        attempt,
        reason: 'The service stopped between handing the email over and the answer of the mail server',
      }
  }
}

const whatBecameOf = async (
  deps: RecoverDeps,
  { message, handle }: ReleasingMessage,
  signal: AbortSignal,
): Promise<'sent' | 'not-sent' | 'unknown'> => {
  try {
    const session = await deps.openMailbox(message.accountId, signal)
    if (!session) return 'unknown'
    try {
      return await session.whatBecameOf({
        messageId: message.header.messageId,
        trailId: message.outgoingId,
        handle,
      })
    } finally {
      await session.close()
    }
  } catch (error) {
    // A later sync may still meet the email, and settle what is unknown now.
    if (error instanceof MailUnavailable) return 'unknown'
    throw error
  }
}
