import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import type { SettingsChange } from '../../domain/accounts/events.ts'
import { userOf, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Changes the given settings if the account is still at the version the caller saw. */
export const changeSettings =
  (deps: { handle: Handle }) =>
  (
    caller: Caller,
    accountId: string,
    settings: SettingsChange,
    ifRevision: IfRevision,
  ): Promise<Handled<Account>> =>
    deps.handle(
      account,
      accountStream(accountId),
      { do: 'change-settings', settings, by: userOf(caller) },
      caller,
      {
        ifRevision,
      },
    )
