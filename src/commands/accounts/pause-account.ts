import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Stops syncing and sending until the account is resumed; queued emails wait. */
export const pauseAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string, reason: string, ifRevision?: IfRevision): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'pause', reason, by: userOf(caller) }, caller, {
      ifRevision,
    })
