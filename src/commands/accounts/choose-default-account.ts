import { account, accountStream, requireActive, requireOwn } from '../../domain/accounts/account.ts'
import {
  defaultAccount,
  defaultAccountStream,
  type DefaultAccount,
} from '../../domain/accounts/default-account.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'

/** Makes the account its owner's default; the one before is it no longer. */
export const chooseDefaultAccount =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, accountId: string): Promise<Handled<DefaultAccount>> => {
    const { state } = await deps.load(account, accountStream(accountId))
    requireOwn(state, userOf(caller))
    const { owner } = requireActive(state)
    return deps.handle(defaultAccount, defaultAccountStream(owner), { owner, accountId }, caller)
  }
