import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { MailboxSession } from '../ports/mail-provider.ts'

/** A mailbox that could not be reached for so long gets no copy any more. */
const GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000

type FileDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly blobs: BlobStore
  readonly clock: Clock
}

/**
 * Puts the copy of a sent email (without pixel, with the original links, under the same Message-ID) into the Sent folder,
 * unless the provider has put one there itself. `session` is null where the account has no mailbox. After a crash between
 * the two steps the copy is found by its ids.
 */
export const fileSentCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string, session: MailboxSession | null): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('message' in state) || state.taken?.copy !== null) return
    const { message, taken } = state
    const { outcome, folder } = session
      ? await session.fileCopy({
          messageId: message.header.messageId,
          trailId: outgoingId,
          sentAt: new Date(taken.sentAt),
          content: () => deps.blobs.get(message.copy.blob),
        })
      : ({ outcome: 'impossible', folder: null } as const)
    await deps.handle(outgoingEmail, stream, { do: 'record-copy', outcome, folder }, caller)
  }

/** Ends the waiting for a mailbox that stays away. @returns whether it has ended */
export const giveUpOnCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string): Promise<boolean> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('message' in state) || state.taken?.copy !== null) return true
    if (deps.clock().getTime() < Date.parse(state.taken.sentAt) + GIVE_UP_AFTER_MS) return false
    await deps.handle(
      outgoingEmail,
      stream,
      { do: 'record-copy', outcome: 'impossible', folder: null },
      caller,
    )
    return true
  }
