import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import type { Caller, Handle, Handled } from '../handle.ts'

export const resumeAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'resume' }, caller)
