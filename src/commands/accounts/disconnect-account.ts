import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import type { Vault } from '../ports/credentials.ts'

/** Disconnects the account and destroys its credentials, again if repeated. Its mail and history stay. */
export const disconnectAccount =
  (deps: { handle: Handle; vault: Vault }) =>
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
    await deps.vault.destroy(accountId)
    return handled
  }
