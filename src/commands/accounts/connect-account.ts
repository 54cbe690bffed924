import { account, accountStream, requireMayConnect, type Account } from '../../domain/accounts/account.ts'
import {
  defaultSettings,
  type AccountSettings,
  type MailServer,
  type Owner,
} from '../../domain/accounts/events.ts'
import { entityId, userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { Secret, Vault } from '../ports/credentials.ts'
import type { ConnectionTester } from '../ports/mail-provider.ts'
import { requireConnection } from './require-connection.ts'

export type ServerWithPassword = MailServer & { readonly password: Secret }

export type ConnectAccount = {
  readonly provider: 'smtp' | 'imap'
  readonly address: string
  readonly owner: Owner
  readonly smtp: ServerWithPassword | null
  readonly imap: ServerWithPassword | null
  readonly settings: Partial<AccountSettings>
}

/**
 * Connects a mailbox: the servers are tried first, the passwords go into the vault, and the account begins.
 * @throws Refused `connection-test-failed` with the steps of the test
 */
export const connectAccount =
  (deps: { handle: Handle; load: Load; vault: Vault; tester: ConnectionTester }) =>
  async (caller: Caller, input: ConnectAccount, signal: AbortSignal): Promise<Handled<Account>> => {
    const accountId = entityId('acc', caller.commandId)
    requireMayConnect(input.owner, userOf(caller))
    const { revision } = await deps.load(account, accountStream(accountId))
    const credentialVersion = revision === -1 ? await admit(deps, accountId, input, signal) : 0
    return deps.handle(
      account,
      accountStream(accountId),
      {
        do: 'connect',
        by: userOf(caller),
        accountId,
        provider: input.provider,
        address: input.address,
        owner: input.owner,
        smtp: input.smtp && withoutPassword(input.smtp),
        imap: input.imap && withoutPassword(input.imap),
        credentialVersion,
        settings: { ...defaultSettings, ...input.settings },
      },
      caller,
    )
  }

const admit = async (
  deps: { vault: Vault; tester: ConnectionTester },
  accountId: string,
  { smtp, imap }: ConnectAccount,
  signal: AbortSignal,
): Promise<number> => {
  await requireConnection(deps.tester, { smtp, imap }, signal)
  const { version } = await deps.vault.store(accountId, {
    smtpPassword: smtp?.password ?? null,
    imapPassword: imap?.password ?? null,
  })
  return version
}

export const withoutPassword = ({ host, port, encryption, username }: MailServer): MailServer => ({
  host,
  port,
  encryption,
  username,
})
