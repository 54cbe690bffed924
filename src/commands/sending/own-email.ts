import { levelOf, requireLevel } from '../../domain/accounts/access-rights.ts'
import { NotFound } from '../../domain/decider.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Load } from '../handle.ts'
import type { FindAccount } from './ports.ts'

/**
 * An email, queued or still a draft, that this user (null: a program) may decide about: any of an account to which they
 * have full access, or one of their own from an account from which they may send.
 * @throws NotFound; Refused `access-level-too-low`
 */
export const ownEmail =
  (deps: { load: Load; findAccount: FindAccount }) =>
  async (outgoingId: string, userId: string | null): Promise<OutgoingEmail> => {
    const { state } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    const account = 'email' in state ? await deps.findAccount(state.email.accountId) : null
    if (state.status === 'none') throw new NotFound('email', outgoingId)
    if (!account || !('email' in state)) return state
    const isOthers = state.email.userId !== userId
    if (isOthers && levelOf(account, userId) === 'send') throw new NotFound('email', outgoingId)
    requireLevel(account, userId, isOthers ? 'full' : 'send', ['email', outgoingId])
    return state
  }
