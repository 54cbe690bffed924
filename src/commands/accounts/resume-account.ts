import { account, type Account } from '../../domain/accounts/account.ts'
import type { Caller, Handle, Handled } from '../handle.ts'
import { accountStream } from './connect-account.ts'

export const resumeAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'resume' }, caller)
