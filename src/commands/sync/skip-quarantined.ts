import { requireLevel } from '../../domain/accounts/access-rights.ts'
import { message, messageStream, type Message } from '../../domain/sync/message.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { FindSyncAccount } from './ports.ts'

/** Skips a quarantined message: it is no longer an error, its raw form is kept, and later runs ignore it. */
export const skipQuarantined =
  (deps: { handle: Handle; load: Load; findAccount: FindSyncAccount }) =>
  async (caller: Caller, messageId: string, ifRevision?: IfRevision): Promise<Handled<Message>> => {
    const { state } = await deps.load(message, messageStream(messageId))
    const account = state.status === 'none' ? null : await deps.findAccount(state.accountId)
    requireLevel(account, userOf(caller), 'full', ['message', messageId])
    return deps.handle(message, messageStream(messageId), { do: 'skip', exclusion: null }, caller, {
      ifRevision,
    })
  }
