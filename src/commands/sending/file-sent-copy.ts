import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { MailboxSession } from '../ports/mail-provider.ts'

/** If a mailbox could not be reached for this long, no copy is filed any more. */
const GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000

type FileDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly blobs: BlobStore
  readonly clock: Clock
}

/**
 * Puts the copy of a sent email (without the pixel, with the original links, under the same Message-ID) into the Sent
 * folder, unless the provider has already done so. `session` is null if the account has no mailbox. After a crash
 * between the two steps the copy is found by its ids.
 */
export const fileSentCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string, session: MailboxSession | null): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('email' in state) || state.taken?.copy !== null) return
    const { email, taken } = state
    const { outcome, folder } = session
      ? await session.fileCopy({
          messageId: email.header.messageId,
          trailId: outgoingId,
          sentAt: new Date(taken.sentAt),
          content: () => deps.blobs.get(email.copy.blob),
        })
      : ({ outcome: 'impossible', folder: null } as const)
    await deps.handle(outgoingEmail, stream, { do: 'record-copy', outcome, folder }, caller)
  }

/** Stops waiting for a mailbox that stays unavailable. @returns whether it has stopped */
export const giveUpOnCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string): Promise<boolean> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (!('email' in state) || state.taken?.copy !== null) return true
    if (deps.clock().getTime() < Date.parse(state.taken.sentAt) + GIVE_UP_AFTER_MS) return false
    await deps.handle(
      outgoingEmail,
      stream,
      { do: 'record-copy', outcome: 'impossible', folder: null },
      caller,
    )
    return true
  }
