import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { SentMessage } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { SentFolder } from './sent-folder.ts'

/** A mailbox that could not be reached for so long gets no copy any more. */
const GIVE_UP_AFTER_MS = 7 * 24 * 3_600_000

type FileDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly blobs: BlobStore
  readonly clock: Clock
}

/**
 * Puts the copy of a sent message (without pixel, with the original links, under the same Message-ID) into the Sent
 * folder, read, unless the server has put one there itself. `folder` is null where the account has no mailbox.
 * After a crash between the two steps the copy is found by its Message-ID.
 */
export const fileSentCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string, folder: SentFolder | null): Promise<void> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (state.status !== 'sent' || state.copy !== null) return
    const outcome = await file(deps, state, folder)
    const path = outcome === 'impossible' ? null : (folder?.path ?? null)
    await deps.handle(outgoingEmail, stream, { do: 'record-copy', outcome, folder: path }, caller)
  }

const file = async (
  { blobs }: FileDeps,
  { message, sentAt }: SentMessage,
  folder: SentFolder | null,
): Promise<'filed' | 'found' | 'impossible'> => {
  if (folder?.path === null || folder === null) return 'impossible'
  const { session, path } = folder
  if ((await session.findByMessageId(message.header.messageId)).length > 0) return 'found'
  const copy = await blobs.get(message.copy.blob)
  if (!copy) return 'impossible'
  await session.append(path, copy, ['\\Seen'], new Date(sentAt))
  return 'filed'
}

/** Ends the waiting for a mailbox that stays away. @returns whether it has ended */
export const giveUpOnCopy =
  (deps: FileDeps) =>
  async (caller: Caller, outgoingId: string): Promise<boolean> => {
    const stream = outgoingStream(outgoingId)
    const { state } = await deps.load(outgoingEmail, stream)
    if (state.status !== 'sent' || state.copy !== null) return true
    if (deps.clock().getTime() < Date.parse(state.sentAt) + GIVE_UP_AFTER_MS) return false
    await deps.handle(
      outgoingEmail,
      stream,
      { do: 'record-copy', outcome: 'impossible', folder: null },
      caller,
    )
    return true
  }
