import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'

export const resumeAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'resume', by: userOf(caller) }, caller)
