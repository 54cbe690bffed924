import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** Takes a sent message for delivered where nothing has come back within the window. A later bounce withdraws it. */
export const confirmDelivery =
  (deps: { handle: Handle; load: Load; clock: Clock; windowMinutes: number }) =>
  async (caller: Caller, outgoingId: string): Promise<Handled<OutgoingEmail> | null> => {
    const { state } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    const { windowMinutes } = deps
    if (state.status !== 'sent') return null
    if (deps.clock().getTime() < Date.parse(state.sentAt) + windowMinutes * 60_000) return null
    const command = { do: 'record-delivered', basis: 'no-bounce', windowMinutes } as const
    return deps.handle(outgoingEmail, outgoingStream(outgoingId), command, caller)
  }
