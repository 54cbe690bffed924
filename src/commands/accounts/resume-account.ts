import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

export const resumeAccount =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string, ifRevision?: IfRevision): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'resume', by: userOf(caller) }, caller, {
      ifRevision,
    })
