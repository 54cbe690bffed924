import { account, requireOwn, type ConnectedAccount, accountStream } from '../../domain/accounts/account.ts'
import type { MailServer, TestStep } from '../../domain/accounts/events.ts'
import { userOf, type Caller, type Handle, type Load } from '../handle.ts'
import { credentialsMissing, type Secret, type Vault } from '../ports/credentials.ts'
import type { ConnectionTester, ServerLogin } from '../ports/mail-provider.ts'

/** Tries a saved account's servers with its kept passwords, and records what came of it. */
export const testAccount =
  (deps: { handle: Handle; load: Load; vault: Vault; tester: ConnectionTester }) =>
  async (caller: Caller, accountId: string, signal: AbortSignal) => {
    const { state } = await deps.load(account, accountStream(accountId))
    const own = requireOwn(state, userOf(caller))
    const result = await deps.tester.test(await loginsOf(deps.vault, own), signal)
    const handled = await deps.handle(
      account,
      accountStream(accountId),
      { do: 'record-test', ok: result.ok, steps: result.steps, by: userOf(caller) },
      caller,
    )
    return { handled, ...result } satisfies { handled: unknown; ok: boolean; steps: TestStep[] }
  }

/** The account's servers with their passwords. @throws Refused where the vault has none */
export const loginsOf = async (
  vault: Vault,
  { accountId, credentialVersion, smtp, imap }: ConnectedAccount,
): Promise<{ smtp: ServerLogin | null; imap: ServerLogin | null }> => {
  const kept = await vault.load(accountId, credentialVersion)
  const login = (server: MailServer | null, password: Secret | null | undefined): ServerLogin | null => {
    if (!server) return null
    if (!password) throw credentialsMissing()
    return { ...server, password }
  }
  return { smtp: login(smtp, kept?.smtpPassword), imap: login(imap, kept?.imapPassword) }
}
