import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'

/** Stops syncing and sending until the account is resumed; queued emails wait. */
export const pauseAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string, reason: string): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'pause', reason, by: userOf(caller) }, caller)
