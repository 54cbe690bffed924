import { account, accountStream, requireOwn, type Account } from '../../domain/accounts/account.ts'
import { defaultSettings, type AccountSettings } from '../../domain/accounts/events.ts'
import {
  requireGranted,
  requireOwnSignIn,
  signIn,
  signInExpired,
  signInStream,
  type SignInUnderWay,
} from '../../domain/accounts/sign-in.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { entityIdOfSource, userOf, type Caller, type Handled } from '../handle.ts'
import type { Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { claimMailbox, hasClaimed, type ClaimDeps } from './claim-mailbox.ts'
import { keepCredentials } from './keep-credentials.ts'
import { requireAccess } from './require-access.ts'
import { accessIn } from './sign-in-secrets.ts'

type CompleteDeps = ClaimDeps & { readonly vault: Vault; readonly providerOf: ProviderOf }
type SignedInAccess = ReturnType<typeof accessIn>

type CompleteSignIn = {
  readonly signInId: string
  /** Of a new account; one that signs in again keeps its own. */
  readonly settings: Partial<AccountSettings>
  readonly allowDuplicate: boolean
}

const accessMissing = defineRefusal('access-missing', {
  title: 'Nothing granted',
  meaning: 'The provider granted access neither to read the mailbox nor to send from it.',
  remedy: 'Begin another sign-in, and leave the permissions ticked that the provider shows.',
})
const otherMailbox = defineRefusal('other-mailbox', {
  title: 'Another mailbox',
  meaning: 'The sign-in was with another mailbox than the one that the account is connected to.',
  remedy:
    "Begin another sign-in and choose the account's own mailbox, or connect the other one as a new account.",
})

/**
 * Connects the mailbox that its user has signed in to, or renews the access of an account: its id, cursor, settings and
 * history stay. Only the user who began it can, so that nobody's mailbox ends up with somebody else who sent them a link.
 * @throws Refused, also if the mailbox cannot be reached with what was granted
 */
export const completeSignIn =
  (deps: CompleteDeps) =>
  async (caller: Caller, input: CompleteSignIn, signal: AbortSignal): Promise<Handled<Account>> => {
    const { signInId } = input
    const stream = signInStream(signInId)
    const own = requireOwnSignIn((await deps.load(signIn, stream)).state, userOf(caller))
    if (own.status === 'completed') {
      const known = await deps.load(account, accountStream(own.connectedId))
      return { ...known, repeated: true }
    }
    const { secretsVersion } = requireGranted(own, deps.clock().toISOString())
    const kept = await deps.vault.load(signInId, secretsVersion)
    if (kept === null) throw signInExpired()
    const access = accessIn(kept)
    if (!access.sends && !access.receives) throw accessMissing()
    await requireAccess(deps.providerOf(own), access, signal)
    const handled =
      own.accountId === null
        ? await connected(deps, caller, own, access, input)
        : await renewed(deps, caller, own.accountId, access)
    const accountId = own.accountId ?? accountOf(signInId)
    const at = deps.clock().toISOString()
    await deps.handle(signIn, stream, { do: 'complete', at, userId: userOf(caller), accountId }, caller)
    await deps.vault.discard(signInId, [secretsVersion])
    return handled
  }

/** The same for each attempt to complete a sign-in, whatever became of the one before. */
const accountOf = (signInId: string): string => entityIdOfSource('acc', `account of ${signInId}`)

const connected = async (
  deps: CompleteDeps,
  caller: Caller,
  { signInId, owner, provider }: SignInUnderWay,
  access: SignedInAccess,
  { settings, allowDuplicate }: CompleteSignIn,
): Promise<Handled<Account>> => {
  const accountId = accountOf(signInId)
  const { address, connection, sends, receives, filesCopies, mailbox } = access
  await claimMailbox(deps)(caller, { accountId, address, owner, provider, mailbox, allowDuplicate })
  return keepCredentials(deps.vault, accountId, access.credentials, (credentialVersion) =>
    deps.handle(
      account,
      accountStream(accountId),
      {
        do: 'connect',
        by: userOf(caller),
        accountId,
        address,
        owner,
        connection,
        sends,
        receives,
        filesCopies,
        credentialVersion,
        settings: { ...defaultSettings, ...settings },
      },
      caller,
    ),
  )
}

const renewed = async (
  deps: CompleteDeps,
  caller: Caller,
  accountId: string,
  access: SignedInAccess,
): Promise<Handled<Account>> => {
  const stream = accountStream(accountId)
  const by = userOf(caller)
  requireOwn((await deps.load(account, stream)).state, by)
  const { connection, sends, receives, filesCopies, mailbox } = access
  if (!(await hasClaimed(deps, accountId, connection.provider, mailbox))) throw otherMailbox()
  return keepCredentials(deps.vault, accountId, access.credentials, (credentialVersion) => {
    const reached = { connection, sends, receives, filesCopies, credentialVersion }
    return deps.handle(account, stream, { do: 'change-connection', by, ...reached }, caller)
  })
}
