import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled } from '../handle.ts'

/** An email with an unknown outcome was found in a mailbox, or answered, at `foundAt`: so it had been sent. */
export const confirmFound =
  (deps: { handle: Handle }) =>
  (caller: Caller, found: { outgoingId: string; foundAt: string }): Promise<Handled<OutgoingEmail>> =>
    deps.handle(
      outgoingEmail,
      outgoingStream(found.outgoingId),
      { do: 'record-found', foundAt: found.foundAt },
      caller,
    )
