import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { withdrawAccess, type WithdrawDeps } from './withdraw-access.ts'

/** Disconnects the account and ends its access to the mailbox, again if repeated. Its mail and history stay. */
export const disconnectAccount =
  (deps: WithdrawDeps) =>
  async (
    caller: Caller,
    accountId: string,
    reason: string,
    ifRevision?: IfRevision,
  ): Promise<Handled<Account>> => {
    const handled = await deps.handle(
      account,
      accountStream(accountId),
      { do: 'disconnect', reason, by: userOf(caller) },
      caller,
      { ifRevision },
    )
    if (handled.state.status === 'disconnected') await withdrawAccess(deps)(handled.state)
    return handled
  }
