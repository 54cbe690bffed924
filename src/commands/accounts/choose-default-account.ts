import { account, requireActive, accountStream } from '../../domain/accounts/account.ts'
import {
  defaultAccount,
  defaultAccountStream,
  type DefaultAccount,
} from '../../domain/accounts/default-account.ts'
import { NotFound } from '../../domain/decider.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'

/** Makes the account its owner's default; the one before is it no longer (S17). */
export const chooseDefaultAccount =
  (deps: { handle: Handle; load: Load }) =>
  async (caller: Caller, accountId: string): Promise<Handled<DefaultAccount>> => {
    const { state } = await deps.load(account, accountStream(accountId))
    if (state.status === 'none') throw new NotFound('email account', accountId)
    const { owner } = requireActive(state)
    return deps.handle(defaultAccount, defaultAccountStream(owner), { owner, accountId }, caller)
  }
