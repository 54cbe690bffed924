import { NotFound } from '../../domain/decider.ts'
import { outgoingMessage, outgoingStream } from '../../domain/sending/outgoing-message.ts'
import type { OutgoingMessage } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'

/**
 * Holds a message back (R18): certain while it waits, refused as `too-late-to-cancel` from its release on. There is
 * nothing between the two, since both append at one revision.
 */
export const cancelMessage =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, outgoingId: string): Promise<Handled<OutgoingMessage>> => {
    const { revision } = await deps.load(outgoingMessage, outgoingStream(outgoingId))
    if (revision === -1) throw new NotFound('message', outgoingId)
    return deps.handle(outgoingMessage, outgoingStream(outgoingId), { do: 'cancel' }, caller)
  }
