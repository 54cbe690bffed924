import { account, accountStream, type ConnectedAccount } from '../../domain/accounts/account.ts'
import type { WithdrawalOutcome } from '../../domain/accounts/events.ts'
import { pause } from '../../std/pause.ts'
import { within } from '../../std/within.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Credentials, Vault } from '../ports/credentials.ts'
import { MailUnavailable, type ProviderOf } from '../ports/mail-provider.ts'
import type { SignIn } from '../ports/sign-in.ts'

const ATTEMPTS = 3
const PAUSE_MS = 1000
const ALL_WITHIN_MS = 20_000

export type WithdrawDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly vault: Vault
  readonly providerOf: ProviderOf
}

/**
 * Ends the access of an account that was disconnected: takes it back at the provider, if it came from signing in there,
 * records what became of that, and destroys the credentials in any case.
 */
export const withdrawAccess =
  ({ handle, clock, vault, providerOf }: WithdrawDeps) =>
  async ({ accountId, connection, credentialVersion }: ConnectedAccount): Promise<void> => {
    const withdrawn = async (): Promise<WithdrawalOutcome | null> => {
      const { signIn } = providerOf(connection)
      const credentials = signIn && (await vault.load(accountId, credentialVersion))
      return signIn && credentials ? outcomeOf(signIn, credentials) : null
    }
    try {
      const outcome = await withdrawn()
      if (outcome === null) return
      const caller = systemCaller('withdraw-access', clock, accountId)
      const command = { do: 'record-withdrawal', outcome, by: null } as const
      await handle(account, accountStream(accountId), command, caller)
    } finally {
      await vault.destroy(accountId)
    }
  }

const outcomeOf = (signIn: SignIn, credentials: Credentials): Promise<WithdrawalOutcome> =>
  within(revoked(signIn, credentials), ALL_WITHIN_MS, () => 'failed' as const)

const revoked = async (signIn: SignIn, credentials: Credentials): Promise<WithdrawalOutcome> => {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      return (await signIn.revoke(credentials)) ? 'withdrawn' : 'not-offered'
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      if (attempt < ATTEMPTS) await pause(PAUSE_MS)
    }
  }
  return 'failed'
}
