import { account, accountStream, isSameOwner, type Account } from '../../domain/accounts/account.ts'
import { defaultAccount, defaultAccountStream } from '../../domain/accounts/default-account.ts'
import type { AccessLevel, Grantee, Owner } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { User } from '../../domain/directory/events.ts'
import { isUserOfKey } from '../../domain/ids.ts'
import { userOf, type Caller, type Handled } from '../handle.ts'
import { meets, type IfRevision } from '../revisions.ts'
import { claimAddress, type ClaimDeps } from './claim-mailbox.ts'

export type AccessDeps = ClaimDeps & {
  readonly directory: { user(id: string): Promise<User | null> }
  /** The accounts that the user owns or is a member of by now, disconnected ones included. @throws NotCaughtUp */
  readonly accountsWith: (userId: string) => Promise<readonly string[]>
}

/** Gives access, or takes it away (null). @throws NotFound; Refused `last-full-access`, `access-of-owner`, `too-many-members` */
export const changeAccess =
  (deps: AccessDeps) =>
  async (
    caller: Caller,
    accountId: string,
    { grantee, level }: { readonly grantee: Grantee; readonly level: AccessLevel | null },
    ifRevision?: IfRevision,
  ): Promise<Handled<Account>> => {
    if (level !== null && grantee.kind === 'user') await requireUser(deps, grantee.userId)
    const by = userOf(caller)
    const command =
      level === null
        ? ({ do: 'revoke-access', by, grantee } as const)
        : ({ do: 'grant-access', by, grantee, level } as const)
    return deps.handle(account, accountStream(accountId), command, caller, { ifRevision })
  }

/**
 * Makes a user or the team the owner of the account. If it was the default of its former owner, that one has none from then
 * on, also if only a repeat of this gets as far as that.
 * @throws NotFound; Refused `already-connected` if the new owner has an account with this address
 */
export const changeOwner =
  (deps: AccessDeps) =>
  async (
    caller: Caller,
    accountId: string,
    owner: Owner,
    ifRevision?: IfRevision,
  ): Promise<Handled<Account>> => {
    const stream = accountStream(accountId)
    const command = { do: 'change-owner', by: userOf(caller), owner } as const
    const { state, revision } = await deps.load(account, stream)
    if (state.status !== 'none' && !isSameOwner(state.owner, owner) && meets(ifRevision, revision)) {
      // What is refused for another reason leaves no claim behind.
      account.decide(command, state)
      if (owner.kind === 'user') await requireUser(deps, owner.userId)
      await claimAddress(deps)(caller, { accountId, address: state.address, owner })
    }
    const handled = await deps.handle(account, stream, command, caller, { ifRevision })
    const former = handled.state.status === 'none' ? null : handled.state.formerOwner
    if (former !== null) {
      const unset = { do: 'unset', owner: former, accountId } as const
      await deps.handle(defaultAccount, defaultAccountStream(former), unset, caller)
    }
    return handled
  }

/** An API key that is limited to accounts is a user too, though the CRM knows nothing of it. */
export const requireUser = async (
  { directory }: Pick<AccessDeps, 'directory'>,
  userId: string,
): Promise<void> => {
  if (!isUserOfKey(userId) && !(await directory.user(userId))) throw new NotFound('user', userId)
}
