import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Asks for a sync now. A run in progress may already be past what is new, so another run follows it. */
export const requestSync =
  (deps: { handle: Handle }) =>
  (caller: Caller, accountId: string, ifRevision?: IfRevision): Promise<Handled<Account>> =>
    deps.handle(account, accountStream(accountId), { do: 'request-sync', by: userOf(caller) }, caller, {
      ifRevision,
    })
