import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled } from '../handle.ts'

/** A sent email; `seenUntil`: all that had come back to its account by then was seen. */
export type SilentEmail = { readonly id: string; readonly seenUntil: string }

/** Takes an email for delivered to those of whom nothing has come back within the window. A later bounce withdraws it. */
export const confirmDelivery =
  (deps: { handle: Handle; windowMinutes: number }) =>
  (caller: Caller, { id, seenUntil }: SilentEmail): Promise<Handled<OutgoingEmail>> => {
    const command = { do: 'record-silence', seenUntil, windowMinutes: deps.windowMinutes } as const
    return deps.handle(outgoingEmail, outgoingStream(id), command, caller)
  }
