import { account, accountStream, isSameOwner, type Account } from '../../domain/accounts/account.ts'
import { levelOf, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { defaultAccount, defaultAccountStream } from '../../domain/accounts/default-account.ts'
import type { AccessLevel, Grantee, Owner } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { User } from '../../domain/directory/events.ts'
import { isUserOfKey } from '../../domain/ids.ts'
import { Refused } from '../../domain/refusal.ts'
import { eventIdOf, userOf, type Caller, type Handled } from '../handle.ts'
import { meets, type IfRevision } from '../revisions.ts'
import { claimAddress, type ClaimDeps } from './claim-mailbox.ts'

export type AccessDeps = ClaimDeps & {
  readonly directory: { user(id: string): Promise<User | null> }
  /** The accounts that the user owns or is a member of, disconnected ones included. */
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

/** Takes all access away that the user has as a member; the last one with full access to an account keeps it. */
export const revokeAllAccess =
  (deps: AccessDeps) =>
  async (caller: Caller, userId: string): Promise<void> => {
    for (const accountId of await deps.accountsWith(userId))
      await changeAccess(deps)(caller, accountId, { grantee: { kind: 'user', userId }, level: null }).catch(
        (error: unknown) => {
          if (!(error instanceof Refused)) throw error
        },
      )
  }

export type HandedOver = { readonly owned: readonly string[]; readonly shared: readonly string[] }

/** Hands the work of a user in an account on to another one, who has access to it already. */
type HandOverWork = (
  caller: Caller,
  of: { readonly accountId: string; readonly from: string; readonly to: string },
) => Promise<void>

/**
 * Hands everything that a user may do with accounts, and their work there, on to another one, account by account: what the
 * user owns is the other's from then on, and where the user was a member the other is one, with what the user had if that
 * was more. Repeated after an interruption, it goes on with the rest.
 * @throws NotFound
 */
export const handOver =
  (deps: AccessDeps) =>
  async (
    caller: Caller,
    { from, to }: { readonly from: string; readonly to: string },
    handOverWork: HandOverWork,
  ): Promise<HandedOver> => {
    await requireUser(deps, to)
    const owned: string[] = []
    const shared: string[] = []
    for (const accountId of await deps.accountsWith(from)) {
      const { state } = await deps.load(account, accountStream(accountId))
      if (state.status === 'none') continue
      const held = ownLevel(state, from)
      if (held === null) continue
      const isOwned = isOwner(state, from)
      const level = combined(ownLevel(state, to), held)
      // Several commands on one stream: each needs an id of its own, the same when this is repeated.
      const giving = { ...caller, commandId: eventIdOf(caller.commandId, accountStream(accountId), 0) }
      const grantee = (userId: string): Grantee => ({ kind: 'user', userId })
      if (!isOwner(state, to)) await changeAccess(deps)(giving, accountId, { grantee: grantee(to), level })
      await handOverWork(caller, { accountId, from, to })
      if (isOwned) await changeOwner(deps)(caller, accountId, { kind: 'user', userId: to })
      else await changeAccess(deps)(caller, accountId, { grantee: grantee(from), level: null })
      ;(isOwned ? owned : shared).push(accountId)
    }
    return { owned, shared }
  }

const isOwner = ({ owner }: AccessRights, userId: string): boolean =>
  owner.kind === 'user' && owner.userId === userId

/** The level that a user has in person, and not as everyone has it. */
const ownLevel = (rights: AccessRights, userId: string): AccessLevel | null =>
  levelOf({ ...rights, everyone: null }, userId)

/** What the other has stays, unless full access is handed on: access to send and to read do not add up. */
const combined = (had: AccessLevel | null, handed: AccessLevel): AccessLevel =>
  handed === 'full' ? 'full' : (had ?? handed)

/** An API key that is limited to accounts is a user too, though the CRM knows nothing of it. */
const requireUser = async ({ directory }: Pick<AccessDeps, 'directory'>, userId: string): Promise<void> => {
  if (!isUserOfKey(userId) && !(await directory.user(userId))) throw new NotFound('user', userId)
}
