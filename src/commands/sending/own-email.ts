import { mayUse } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Load } from '../handle.ts'
import type { FindAccount } from './ports.ts'

/**
 * An email, queued or still a draft, if it belongs to an account that this user (null: a program) may use. @throws
 * NotFound
 */
export const ownEmail =
  (deps: { load: Load; findAccount: FindAccount }) =>
  async (outgoingId: string, userId: string | null): Promise<OutgoingEmail> => {
    const { state } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    const account = 'email' in state ? await deps.findAccount(state.email.accountId) : null
    if (state.status === 'none' || (account && !mayUse(account.owner, userId)))
      throw new NotFound('email', outgoingId)
    return state
  }
