import { account, accountStream, requireMayConnect, type Account } from '../../domain/accounts/account.ts'
import type { EnteredConnection } from '../../domain/accounts/connection.ts'
import { defaultSettings, type AccountSettings, type Owner } from '../../domain/accounts/events.ts'
import { entityId, userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { requireAccess } from './require-access.ts'

export type ConnectAccount = {
  readonly address: string
  readonly owner: Owner
  readonly connection: EnteredConnection
  readonly settings: Partial<AccountSettings>
}

/**
 * Connects a mailbox: the connection is tried first, its credentials go into the vault, and the account begins.
 * @throws Refused `connection-test-failed` with the steps of the test
 */
export const connectAccount =
  (deps: { handle: Handle; load: Load; vault: Vault; providerOf: ProviderOf }) =>
  async (caller: Caller, input: ConnectAccount, signal: AbortSignal): Promise<Handled<Account>> => {
    const accountId = entityId('acc', caller.commandId)
    requireMayConnect(input.owner, userOf(caller))
    const provider = deps.providerOf(input.connection)
    const { sends, receives, ...access } = provider.admit(input.connection, null)
    const { revision } = await deps.load(account, accountStream(accountId))
    const isRepeat = revision !== -1
    if (!isRepeat) await requireAccess(provider, access, signal)
    const { version } = isRepeat ? { version: 0 } : await deps.vault.store(accountId, access.credentials)
    return deps.handle(
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
        credentialVersion: version,
        settings: { ...defaultSettings, ...input.settings },
      },
      caller,
    )
  }
