import { NotFound } from '../../domain/decider.ts'
import { message, messageStream, type Message } from '../../domain/sync/message.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'

/** Lets a quarantined message be: it is an error no more, its raw form is kept, later passes leave it alone (R6). */
export const skipQuarantined =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, messageId: string): Promise<Handled<Message>> => {
    const { state } = await deps.load(message, messageStream(messageId))
    if (state.status === 'none') throw new NotFound('message', messageId)
    return deps.handle(message, messageStream(messageId), { do: 'skip' }, caller)
  }
