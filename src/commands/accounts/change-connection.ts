import {
  account,
  accountStream,
  requireOwn,
  requireSameProvider,
  type Account,
} from '../../domain/accounts/account.ts'
import type { EnteredConnection } from '../../domain/accounts/connection.ts'
import { userOf, type Caller, type Handled } from '../handle.ts'
import { meets, type IfRevision } from '../revisions.ts'
import type { Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { keepCredentials } from './keep-credentials.ts'
import { claimMailbox, type ClaimDeps } from './claim-mailbox.ts'
import { requireAccess } from './require-access.ts'

/**
 * Changes how an account is reached, after testing it. Id, history and settings stay, and so do secrets that are left
 * out.
 */
export const changeConnection =
  (deps: ClaimDeps & { vault: Vault; providerOf: ProviderOf }) =>
  async (
    caller: Caller,
    input: {
      readonly accountId: string
      readonly connection: EnteredConnection
      readonly allowDuplicate: boolean
    },
    ifRevision: IfRevision,
    signal: AbortSignal,
  ): Promise<Handled<Account>> => {
    const stream = accountStream(input.accountId)
    const by = userOf(caller)
    const { state: loaded, revision } = await deps.load(account, stream)
    const state = requireOwn(loaded, by)
    // A repeat, which the handler recognises, or a stale version, which it refuses.
    if (!meets(ifRevision, revision)) {
      const { connection, sends, receives, filesCopies, credentialVersion } = state
      const reached = { connection, sends, receives, filesCopies, credentialVersion }
      const command = { do: 'change-connection', by, ...reached } as const
      return deps.handle(account, stream, command, caller, { ifRevision })
    }
    requireSameProvider(state, input.connection)
    const kept = await deps.vault.load(input.accountId, state.credentialVersion)
    const before = { connection: state.connection, credentials: kept ?? {} }
    const provider = deps.providerOf(input.connection)
    const { sends, receives, filesCopies, mailbox, ...access } = provider.admit(input.connection, before)
    await requireAccess(provider, access, signal)
    const { address, owner } = state
    await claimMailbox(deps)(caller, { ...input, address, owner, provider: provider.name, mailbox })
    return keepCredentials(deps.vault, input.accountId, access.credentials, (credentialVersion) => {
      const { connection } = access
      const command = {
        do: 'change-connection',
        by,
        connection,
        sends,
        receives,
        filesCopies,
        credentialVersion,
      } as const
      return deps.handle(account, stream, command, caller, { ifRevision })
    })
  }
