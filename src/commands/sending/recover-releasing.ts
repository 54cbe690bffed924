import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand, ReleasingMessage } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { OpenMailbox } from '../ports/mail-provider.ts'
import { isAway, openSentFolder } from './sent-folder.ts'

type RecoverDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly openMailbox: OpenMailbox
}

/**
 * Tells what is known of a message whose sender died between its release and the answer; to be called under the
 * account's sending lease, which shows that nobody is at it. Where the provider files a copy in Sent itself, that
 * copy proves that it went; without one nothing is proved, and the message is never sent again from here.
 */
export const recoverReleasing =
  (deps: RecoverDeps) =>
  async (caller: Caller, outgoingId: string, signal: AbortSignal): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (state.status !== 'releasing') return
    const found = await isInSent(deps, state, signal)
    const command: OutgoingCommand = found
      ? { do: 'record-found', foundAt: deps.clock().toISOString() }
      : {
          do: 'record-unknown',
          attempt: state.attempts + 1,
          reason: 'The service stopped between handing the message over and the answer of the mail server',
        }
    await deps.handle(outgoingEmail, stream, command, caller)
  }

const isInSent = async (
  deps: RecoverDeps,
  { message }: ReleasingMessage,
  signal: AbortSignal,
): Promise<boolean> => {
  try {
    const folder = await openSentFolder(deps)(message.accountId, signal)
    if (!folder) return false
    try {
      return (
        folder.path !== null && (await folder.session.findByMessageId(message.header.messageId)).length > 0
      )
    } finally {
      await folder.session.close()
    }
  } catch (error) {
    // A later sync may still meet the message, and settle what is unknown now.
    if (isAway(error)) return false
    throw error
  }
}
