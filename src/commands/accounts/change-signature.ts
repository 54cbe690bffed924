import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Replaces the account's signature (HTML with variables). `check` refuses anything a signature must not contain. */
export const changeSignature =
  (deps: { handle: Handle; check: (html: string) => void }) =>
  async (
    caller: Caller,
    accountId: string,
    html: string,
    ifRevision: IfRevision,
  ): Promise<Handled<Account>> => {
    deps.check(html)
    return deps.handle(
      account,
      accountStream(accountId),
      { do: 'change-signature', html, by: userOf(caller) },
      caller,
      {
        ifRevision,
      },
    )
  }
