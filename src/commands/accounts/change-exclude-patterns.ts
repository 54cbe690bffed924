import type { ExcludePattern } from '../../domain/accounts/events.ts'
import { account, accountStream, type Account } from '../../domain/accounts/account.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Adds or removes one exclude pattern, whatever else changes in the settings at the same time. */
export const changeExcludePatterns =
  (deps: { handle: Handle }, change: 'add' | 'remove') =>
  (
    caller: Caller,
    accountId: string,
    pattern: ExcludePattern,
    ifRevision?: IfRevision,
  ): Promise<Handled<Account>> =>
    deps.handle(
      account,
      accountStream(accountId),
      { do: `${change}-exclude-pattern`, pattern, by: userOf(caller) },
      caller,
      { insist: true, ifRevision },
    )
