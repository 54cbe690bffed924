import { account, requireOwn, accountStream } from '../../domain/accounts/account.ts'
import type { EnteredConnection, TestStep } from '../../domain/accounts/connection.ts'
import { accessOf } from '../access-of.ts'
import { userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { credentialsMissing, type Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'

type Tested = { readonly ok: boolean; readonly steps: TestStep[] }

/** Tests a connection that belongs to no account yet. Nothing is stored. */
export const testConnection =
  (deps: { providerOf: ProviderOf }) =>
  (entered: EnteredConnection, signal: AbortSignal): Promise<Tested> => {
    const provider = deps.providerOf(entered)
    return provider.test(provider.admit(entered, null), signal)
  }

/** Tests the connection of a saved account with its stored credentials, and records the result. */
export const testAccount =
  (deps: { handle: Handle; load: Load; vault: Vault; providerOf: ProviderOf }) =>
  async (caller: Caller, accountId: string, signal: AbortSignal, ifRevision?: IfRevision) => {
    const { state } = await deps.load(account, accountStream(accountId))
    const own = requireOwn(state, userOf(caller))
    const access = await accessOf(deps.vault, own)
    if (!access) throw credentialsMissing()
    const { ok, steps } = await deps.providerOf(own.connection).test(access, signal)
    const handled = await deps.handle(
      account,
      accountStream(accountId),
      { do: 'record-test', ok, steps, by: userOf(caller) },
      caller,
      { ifRevision },
    )
    return { handled, ok, steps }
  }
