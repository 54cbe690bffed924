import { account, accountStream, requireMayConnect, type Account } from '../../domain/accounts/account.ts'
import type { EnteredConnection } from '../../domain/accounts/connection.ts'
import { defaultSettings, type AccountSettings, type Owner } from '../../domain/accounts/events.ts'
import { entityId, userOf, type Caller, type Handled } from '../handle.ts'
import type { Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { keepCredentials } from './keep-credentials.ts'
import { claimMailbox, type ClaimDeps } from './claim-mailbox.ts'
import { requireAccess } from './require-access.ts'

export type ConnectAccount = {
  readonly address: string
  readonly owner: Owner
  readonly connection: EnteredConnection
  readonly settings: Partial<AccountSettings>
  /** Connect even if another account is connected to the same mailbox. */
  readonly allowDuplicate: boolean
}

/**
 * Connects a mailbox: tests the connection, puts its credentials into the vault, and starts the account.
 * @throws Refused `connection-test-failed` with the steps of the test, `already-connected`
 */
export const connectAccount =
  (deps: ClaimDeps & { vault: Vault; providerOf: ProviderOf }) =>
  async (caller: Caller, input: ConnectAccount, signal: AbortSignal): Promise<Handled<Account>> => {
    const accountId = entityId('acc', caller.commandId)
    requireMayConnect(input.owner, userOf(caller))
    const provider = deps.providerOf(input.connection)
    const { sends, receives, filesCopies, mailbox, ...access } = provider.admit(input.connection, null)
    const { revision } = await deps.load(account, accountStream(accountId))
    const isRepeat = revision !== -1
    if (!isRepeat) {
      await requireAccess(provider, access, signal)
      const { address, owner, allowDuplicate } = input
      const claimed = { accountId, address, owner, provider: provider.name, mailbox, allowDuplicate }
      await claimMailbox(deps)(caller, claimed)
    }
    const connect = (credentialVersion: number): Promise<Handled<Account>> =>
      deps.handle(
        account,
        accountStream(accountId),
        {
          do: 'connect',
          by: userOf(caller),
          accountId,
          address: input.address,
          owner: input.owner,
          connection: access.connection,
          sends,
          receives,
          filesCopies,
          credentialVersion,
          settings: { ...defaultSettings, ...input.settings },
        },
        caller,
      )
    return isRepeat ? connect(0) : keepCredentials(deps.vault, accountId, access.credentials, connect)
  }
