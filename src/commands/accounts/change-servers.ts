import { account, type Account, accountStream } from '../../domain/accounts/account.ts'
import type { MailServer } from '../../domain/accounts/events.ts'
import { NotFound, Refused } from '../../domain/decider.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'
import { StaleRevision } from '../handle.ts'
import type { ConnectionTester, Secret, ServerLogin, Vault } from '../ports.ts'
import { withoutPassword } from './connect-account.ts'
import { requireConnection } from './require-connection.ts'

/** A server as it shall be; without a password the one that is kept stays. */
export type ChangedServer = MailServer & { readonly password: Secret | null }

/** Moves an account to other servers, names or passwords, after trying them. Id, history and settings stay. */
export const changeServers =
  (deps: { handle: Handle; load: Load; vault: Vault; tester: ConnectionTester }) =>
  async (
    caller: Caller,
    input: { accountId: string; smtp: ChangedServer | null; imap: ChangedServer | null },
    ifRevision: number,
    signal: AbortSignal,
  ): Promise<Handled<Account>> => {
    const stream = accountStream(input.accountId)
    const { state, revision } = await deps.load(account, stream)
    if (state.status === 'none') throw new NotFound('email account', input.accountId)
    if (revision !== ifRevision) throw new StaleRevision(ifRevision, revision)
    const kept = await deps.vault.load(input.accountId, state.credentialVersion)
    const smtp = input.smtp && login(input.smtp, kept?.smtpPassword ?? null)
    const imap = input.imap && login(input.imap, kept?.imapPassword ?? null)
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
        smtp: smtp && withoutPassword(smtp),
        imap: imap && withoutPassword(imap),
        credentialVersion: version,
      },
      caller,
      { ifRevision },
    )
  }

const login = (server: ChangedServer, kept: Secret | null): ServerLogin => {
  const password = server.password ?? kept
  if (!password)
    throw new Refused(
      'password-missing',
      'No password is kept for this server',
      'Send the password along with the settings.',
    )
  return { ...withoutPassword(server), password }
}
