import { account, accountStream, requireActive, requireOwn } from '../../domain/accounts/account.ts'
import {
  defaultAccount,
  defaultAccountStream,
  type DefaultAccount,
} from '../../domain/accounts/default-account.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Makes the account its owner's default, in place of the previous one. The version is that of the choice. */
export const chooseDefaultAccount =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, accountId: string, ifRevision?: IfRevision): Promise<Handled<DefaultAccount>> => {
    const { state } = await deps.load(account, accountStream(accountId))
    requireOwn(state, userOf(caller))
    const { owner } = requireActive(state)
    return deps.handle(
      defaultAccount,
      defaultAccountStream(owner),
      { do: 'choose', owner, accountId },
      caller,
      { ifRevision },
    )
  }

/** If this account was its owner's default, the owner has none from then on. */
export const unsetDefaultAccount =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, accountId: string, ifRevision?: IfRevision): Promise<Handled<DefaultAccount>> => {
    const { state } = await deps.load(account, accountStream(accountId))
    const { owner } = requireOwn(state, userOf(caller))
    const unset = { do: 'unset', owner, accountId } as const
    return deps.handle(defaultAccount, defaultAccountStream(owner), unset, caller, { ifRevision })
  }
