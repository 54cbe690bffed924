import {
  account,
  accountStream,
  requireMayConnect,
  requireOwn,
  requireSameProvider,
} from '../../domain/accounts/account.ts'
import type { Owner } from '../../domain/accounts/events.ts'
import { accountDisconnected } from '../../domain/accounts/refusals.ts'
import { signIn, signInStream } from '../../domain/accounts/sign-in.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { entityId, userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import type { SignIn } from '../ports/sign-in.ts'
import { hashOf, joined, newSecret } from './sign-in-secrets.ts'

/** How long each step in the browser may take. */
export const STEP_WITHIN_MS = 600_000

type BeginSignIn = {
  readonly provider: string
  readonly owner: Owner
  /** To sign in again for an account. */
  readonly accountId: string | null
  readonly optional: readonly string[]
  readonly address: string | null
  readonly returnTo: string | null
}

type BegunSignIn = {
  readonly signInId: string
  /** For the link that the user's browser follows; null if it was given out before. */
  readonly link: string | null
  readonly expiresAt: string
}

type BeginDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly providerOf: ProviderOf
  /** Origins of pages that a browser may be sent back to. */
  readonly returnOrigins: readonly string[]
}

const signInNeedsUser = defineRefusal('sign-in-needs-user', {
  title: 'Acting user required',
  meaning: 'Only the user who begins a sign-in can complete it, so it cannot be begun for nobody.',
  remedy: "Name the user in the header Mailtrail-User, or use a user's API key.",
})
const signInNotOffered = defineRefusal('sign-in-not-offered', {
  title: 'No sign-in with this provider',
  meaning: 'Mailboxes of this provider are not connected by signing in.',
  remedy: 'Connect the mailbox with its servers, user name and password.',
})
const signInNotSetUp = defineRefusal('sign-in-not-set-up', {
  title: 'Provider not set up',
  meaning: 'The operator has not registered Mailtrail with this provider yet.',
  remedy: 'Ask the operator to register Mailtrail with the provider.',
})
const unknownPermission = defineRefusal('unknown-permission', {
  title: 'Unknown permission',
  meaning: 'The provider has no optional permission of this name.',
  remedy: "Use the names that the provider's `permissions` list as optional.",
})
const returnNotAllowed = defineRefusal('return-not-allowed', {
  title: 'Return address not allowed',
  meaning: 'Browsers are not sent back to this address.',
  remedy: 'Ask the operator to add its origin to MAILTRAIL_RETURN_ORIGINS, or leave `returnTo` out.',
})

/** Begins a sign-in. The user's browser then follows the link, once. */
export const beginSignIn =
  (deps: BeginDeps) =>
  async (caller: Caller, input: BeginSignIn): Promise<BegunSignIn> => {
    const userId = userOf(caller)
    if (userId === null) throw signInNeedsUser()
    const { owner } = await ofAccount(deps, input, userId)
    requireMayConnect(owner, userId)
    const { permissions } = requireSignIn(deps.providerOf(input))
    const offered = permissions.filter(({ optional }) => optional).map(({ name }) => name)
    const unknown = input.optional.find((name) => !offered.includes(name))
    if (unknown !== undefined)
      throw unknownPermission({ detail: `There is no optional permission ${unknown}.` })
    if (input.returnTo !== null && !deps.returnOrigins.includes(new URL(input.returnTo).origin))
      throw returnNotAllowed()
    const signInId = entityId('sin', caller.commandId)
    const secret = newSecret()
    const { provider, accountId, optional, address, returnTo } = input
    const { state } = await deps.handle(
      signIn,
      signInStream(signInId),
      {
        do: 'begin',
        signInId,
        userId,
        provider,
        owner,
        accountId,
        optional: [...optional],
        address,
        returnTo,
        linkHash: hashOf(secret),
        expiresAt: new Date(deps.clock().getTime() + STEP_WITHIN_MS).toISOString(),
      },
      caller,
    )
    const isNew = state.status === 'begun' && state.linkHash === hashOf(secret)
    const expiresAt = state.status === 'begun' ? state.expiresAt : deps.clock().toISOString()
    return { signInId, link: isNew ? joined(signInId, secret) : null, expiresAt }
  }

/** @throws Refused if nobody can sign in with the provider here */
export const requireSignIn = ({ signIn: offered }: { readonly signIn?: SignIn }): SignIn => {
  if (offered === undefined) throw signInNotOffered()
  if (offered.notSetUp !== null) throw signInNotSetUp({ remedy: offered.notSetUp })
  return offered
}

/** To sign in again is to renew the access of an account, whose owner stays who it is. */
const ofAccount = async (
  { load }: BeginDeps,
  { owner, accountId, provider }: BeginSignIn,
  userId: string,
): Promise<{ readonly owner: Owner }> => {
  if (accountId === null) return { owner }
  const own = requireOwn((await load(account, accountStream(accountId))).state, userId)
  if (own.status === 'disconnected') throw accountDisconnected()
  requireSameProvider(own, { provider })
  return own
}
