import { account, accountStream, requireOwn, type Account } from '../../domain/accounts/account.ts'
import type { MailServer } from '../../domain/accounts/events.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { Secret, Vault } from '../ports/credentials.ts'
import type { ConnectionTester, ServerLogin } from '../ports/mail-provider.ts'
import { withoutPassword } from './connect-account.ts'
import { requireConnection } from './require-connection.ts'

/** A server as it shall be; without a password the one that is kept stays, for the host that it was given for. */
export type ChangedServer = MailServer & { readonly password: Secret | null }

/** Moves an account to other servers, names or passwords, after trying them. Id, history and settings stay. */
const passwordMissing = defineRefusal('password-missing', {
  title: 'Password required',
  meaning: 'No password is stored for this server.',
  remedy: 'Send the password along with the settings.',
})

export const changeServers =
  (deps: { handle: Handle; load: Load; vault: Vault; tester: ConnectionTester }) =>
  async (
    caller: Caller,
    input: { accountId: string; smtp: ChangedServer | null; imap: ChangedServer | null },
    ifRevision: number,
    signal: AbortSignal,
  ): Promise<Handled<Account>> => {
    const stream = accountStream(input.accountId)
    const by = userOf(caller)
    const { state: loaded, revision } = await deps.load(account, stream)
    const state = requireOwn(loaded, by)
    // A repeat of what was done already, which the handler knows, or a stale version, which it refuses.
    if (revision !== ifRevision) {
      const { smtp, imap, credentialVersion } = state
      const command = { do: 'change-servers', smtp, imap, credentialVersion, by } as const
      return deps.handle(account, stream, command, caller, { ifRevision })
    }
    const kept = await deps.vault.load(input.accountId, state.credentialVersion)
    const smtp = input.smtp && login(input.smtp, state.smtp, kept?.smtpPassword)
    const imap = input.imap && login(input.imap, state.imap, kept?.imapPassword)
    await requireConnection(deps.tester, { smtp, imap }, signal)
    const { version } = await deps.vault.store(input.accountId, {
      smtpPassword: smtp?.password ?? null,
      imapPassword: imap?.password ?? null,
    })
    return deps.handle(
      account,
      stream,
      {
        do: 'change-servers',
        by,
        smtp: smtp && withoutPassword(smtp),
        imap: imap && withoutPassword(imap),
        credentialVersion: version,
      },
      caller,
      { ifRevision },
    )
  }

/** Who may change a server must not learn the password by naming a host of their own. */
const login = (
  server: ChangedServer,
  before: MailServer | null,
  kept: Secret | null | undefined,
): ServerLogin => {
  const password = server.password ?? (server.host === before?.host ? kept : null)
  if (!password) throw passwordMissing()
  return { ...withoutPassword(server), password }
}
