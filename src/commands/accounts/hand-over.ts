import { account, accountStream, requireMayOwn } from '../../domain/accounts/account.ts'
import { levelOf, type AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AccessLevel, Grantee, Owner } from '../../domain/accounts/events.ts'
import { defineRefusal, Refused } from '../../domain/refusal.ts'
import { eventIdOf, type Caller } from '../handle.ts'
import { changeAccess, changeOwner, requireUser, type AccessDeps } from './change-access.ts'
import { claimAddress } from './claim-mailbox.ts'

/** `kept`: accounts in which nothing was handed over, each with the code of the refusal. */
export type HandedOver = {
  readonly owned: readonly string[]
  readonly shared: readonly string[]
  readonly kept: readonly { readonly accountId: string; readonly code: string }[]
}

/** Hands the work of a user in an account on to another one, who has access to it already. */
type HandOverWork = (
  caller: Caller,
  of: { readonly accountId: string; readonly from: string; readonly to: string },
) => Promise<void>

const handoverToOneself = defineRefusal('handover-to-oneself', {
  title: 'Handover to oneself',
  meaning: 'The user who leaves and the user who takes over are the same.',
  remedy: 'Name another user in `to`.',
})

/**
 * Hands everything that a user may do with accounts, and their work there, on to another one, account by account: what the
 * user owns is the other's from then on, and where the user was a member the other is one, with what the user had if that
 * was more. What is refused in one account does not stop the others. Repeated after an interruption, it goes on with the
 * rest. @throws NotFound; NotCaughtUp; Refused
 */
export const handOver =
  (deps: AccessDeps) =>
  async (
    caller: Caller,
    { from, to }: { readonly from: string; readonly to: string },
    handOverWork: HandOverWork,
  ): Promise<HandedOver> => {
    if (from === to) throw handoverToOneself()
    requireMayOwn({ kind: 'user', userId: to })
    await requireUser(deps, to)
    const owned: string[] = []
    const shared: string[] = []
    const kept: { accountId: string; code: string }[] = []
    const handOverIn = handOverAccount(deps, caller, handOverWork)
    for (const accountId of await deps.accountsWith(from))
      try {
        const held = await handOverIn({ accountId, from, to })
        if (held !== null) (held === 'owned' ? owned : shared).push(accountId)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        kept.push({ accountId, code: error.code })
      }
    return { owned, shared, kept }
  }

/** @returns how the user had the account, null if they do not have it any more */
const handOverAccount =
  (deps: AccessDeps, caller: Caller, handOverWork: HandOverWork) =>
  async (of: Parameters<HandOverWork>[1]): Promise<'owned' | 'shared' | null> => {
    const { accountId, from, to } = of
    const { state } = await deps.load(account, accountStream(accountId))
    const held = state.status === 'none' ? null : ownLevel(state, from)
    if (state.status === 'none' || held === null) return null
    const isOwned = isOwner(state, from)
    const owner: Owner = { kind: 'user', userId: to }
    // First, so that nothing was handed over if this is refused.
    if (isOwned) await claimAddress(deps)(caller, { accountId, address: state.address, owner })
    const level = combined(ownLevel(state, to), held)
    // Several commands on one stream: each needs an id of its own, the same when this is repeated.
    const giving = { ...caller, commandId: eventIdOf(caller.commandId, accountStream(accountId), 0) }
    if (!isOwner(state, to)) await changeAccess(deps)(giving, accountId, { grantee: userAs(to), level })
    await handOverWork(caller, of)
    if (isOwned) await changeOwner(deps)(caller, accountId, owner)
    else await changeAccess(deps)(caller, accountId, { grantee: userAs(from), level: null })
    return isOwned ? 'owned' : 'shared'
  }

const userAs = (userId: string): Grantee => ({ kind: 'user', userId })

const isOwner = ({ owner }: AccessRights, userId: string): boolean =>
  owner.kind === 'user' && owner.userId === userId

/** The level that a user has in person, and not as everyone has it. */
const ownLevel = (rights: AccessRights, userId: string): AccessLevel | null =>
  levelOf({ ...rights, everyone: null }, userId)

/** What the other has stays, unless full access is handed on: access to send and to read do not add up. */
const combined = (had: AccessLevel | null, handed: AccessLevel): AccessLevel =>
  handed === 'full' ? 'full' : (had ?? handed)
