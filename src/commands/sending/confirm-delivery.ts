import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled } from '../handle.ts'

/** A sent email; everything that came back to its account until `seenUntil` has been seen. */
export type SilentEmail = { readonly id: string; readonly seenUntil: string }

/**
 * Counts an email as delivered to the recipients from whom nothing came back within the window. A later bounce
 * withdraws this.
 */
export const confirmDelivery =
  (deps: { handle: Handle; windowMinutes: number }) =>
  (caller: Caller, { id, seenUntil }: SilentEmail): Promise<Handled<OutgoingEmail>> => {
    const command = { do: 'record-silence', seenUntil, windowMinutes: deps.windowMinutes } as const
    return deps.handle(outgoingEmail, outgoingStream(id), command, caller)
  }
