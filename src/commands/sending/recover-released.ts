import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../domain/sending/outgoing-commands.ts'
import type { SendingEmail } from '../../domain/sending/outgoing-state.ts'
import { retryPolicy } from '../../domain/sending/retry-policy.ts'
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
 * Records what can be known about an email whose sender died between the release and the answer. Must be called under
 * the account's sending lease, which shows that nobody is still sending it. If the mailbox shows that it was sent, it
 * was; if the mailbox is certain that it was not, it is queued again. Otherwise it is never sent again from here.
 * @returns `later` where the mailbox can tell, but could not be asked
 */
export const recoverReleased =
  (deps: RecoverDeps) =>
  async (caller: Caller, outgoingId: string, signal: AbortSignal): Promise<'later' | 'done'> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (state.status !== 'sending') return 'done'
    const became = await whatBecameOf(deps, state, signal)
    if (became === 'later') return 'later'
    const command = commandOf(became, state.attempts + 1, deps.clock().toISOString())
    await deps.handle(outgoingEmail, stream, command, caller)
    return 'done'
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
        reason: 'The service stopped after handing the email over and before the mail server answered',
      }
  }
}

const whatBecameOf = async (
  deps: RecoverDeps,
  { email, handle, since }: SendingEmail,
  signal: AbortSignal,
): Promise<'sent' | 'not-sent' | 'unknown' | 'later'> => {
  try {
    const session = await deps.openMailbox(email.accountId, signal)
    if (!session) return 'unknown'
    try {
      return await session.whatBecameOf({
        messageId: email.header.messageId,
        trailId: email.outgoingId,
        handle,
      })
    } finally {
      await session.close()
    }
  } catch (error) {
    if (!(error instanceof MailUnavailable)) throw error
    // What the provider has prepared still tells when it is back; it is waited for as long as it would be retried.
    const isAway = error.kind === 'temporary' || error.kind === 'throttled'
    const isRecent = deps.clock().getTime() < Date.parse(since) + retryPolicy.giveUpAfterMs
    if (handle !== null && isAway && isRecent) return 'later'
    // A later sync may still find the email and settle the outcome.
    return 'unknown'
  }
}
