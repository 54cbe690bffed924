import {
  account,
  type Account,
  accountStream,
  requireOwn,
  type Dismissed,
} from '../../domain/accounts/account.ts'
import { NotFound } from '../../domain/decider.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'

/** Whether the account has this error: a message that the mailbox lists but that is not here. */
export type IsWithheld = (accountId: string, place: Dismissed) => Promise<boolean>

/**
 * Dismisses a message that the mailbox lists but that is not here: it is no longer an error, and no run asks for it.
 */
export const dismissWithheld =
  (deps: { handle: Handle; load: Load; isWithheld: IsWithheld }) =>
  async (
    caller: Caller,
    accountId: string,
    { folder, ref }: Dismissed,
    ifRevision?: IfRevision,
  ): Promise<Handled<Account>> => {
    const by = userOf(caller)
    const { state } = await deps.load(account, accountStream(accountId))
    const { dismissed } = requireOwn(state, by)
    const isRepeat = dismissed.some((each) => each.folder === folder && each.ref === ref)
    if (!isRepeat && !(await deps.isWithheld(accountId, { folder, ref })))
      throw new NotFound('sync error', `${folder} ${ref}`)
    return deps.handle(
      account,
      accountStream(accountId),
      { do: 'dismiss-withheld', folder, ref, by },
      caller,
      { ifRevision },
    )
  }
