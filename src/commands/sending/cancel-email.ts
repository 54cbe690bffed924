import { outgoingMessage, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingMessage } from '../../domain/sending/outgoing-state.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import { ownMessage } from './own-email.ts'
import type { FindAccount } from './ports.ts'

/**
 * Holds a message back (R18): certain while it waits, refused as `too-late-to-cancel` from its release on. There is
 * nothing between the two, since both append at one revision.
 */
export const cancelMessage =
  (deps: { handle: Handle; load: Load; findAccount: FindAccount }) =>
  async (caller: Caller, outgoingId: string): Promise<Handled<OutgoingMessage>> => {
    await ownMessage(deps)(outgoingId, userOf(caller))
    return deps.handle(outgoingMessage, outgoingStream(outgoingId), { do: 'cancel' }, caller)
  }
