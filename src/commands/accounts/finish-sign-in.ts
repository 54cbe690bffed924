import {
  signIn,
  signInExpired,
  signInStateInvalid,
  signInStream,
  type SignInUnderWay,
} from '../../domain/accounts/sign-in.ts'
import { Refused } from '../../domain/refusal.ts'
import { systemCaller } from '../handle.ts'
import { MailUnavailable } from '../ports/mail-provider.ts'
import type { SignedIn } from '../ports/sign-in.ts'
import { requireSignIn } from './begin-sign-in.ts'
import { checksIn, hashOf, parted, sealedAccess } from './sign-in-secrets.ts'
import type { StartSignInDeps } from './start-sign-in.ts'

/** How long its user may take to complete a sign-in. */
const COMPLETED_WITHIN_MS = 3_000_000

/** Where the browser goes on to; `failure` is why there is no access. */
type FinishedSignIn = {
  readonly signInId: string
  readonly returnTo: string | null
  readonly failure: Refused | MailUnavailable | null
}

/** The sign-in that a `state` belongs to, for whoever has to find what the browser kept; null if it is none of ours. */
export const signInOf = (state: string): string | null => parted(state)?.signInId ?? null

/**
 * Takes the browser that comes back from the provider. What was granted lies in the vault from then on, for the user who
 * began the sign-in to complete it. `query` is that of the redirect; `browser` is what this browser kept.
 * @throws Refused if it is not the answer to a sign-in of this browser that is under way
 */
export const finishSignIn =
  (deps: StartSignInDeps) =>
  async (query: URLSearchParams, browser: string | null, signal: AbortSignal): Promise<FinishedSignIn> => {
    const state = query.get('state') ?? ''
    const signInId = signInOf(state)
    if (signInId === null) throw signInStateInvalid()
    const stream = signInStream(signInId)
    const { state: started } = await deps.load(signIn, stream)
    const caller = () => systemCaller('sign-in', deps.clock, signInId)
    const returned = {
      do: 'return',
      at: deps.clock().toISOString(),
      stateHash: hashOf(state),
      browserHash: browser === null ? null : hashOf(browser),
    } as const
    signIn.decide(returned, started)
    if (started.status !== 'started') throw signInStateInvalid()
    // Recorded before the code is used, so that nothing can come back twice.
    await deps.handle(signIn, stream, returned, caller())
    const { returnTo, secretsVersion } = started
    try {
      const signedIn = await answered(deps, started, secretsVersion, query, signal)
      const { version } = await deps.vault.store(signInId, sealedAccess(signedIn))
      const { granted, missing } = signedIn
      const expiresAt = new Date(deps.clock().getTime() + COMPLETED_WITHIN_MS).toISOString()
      const grant = { do: 'grant', secretsVersion: version, granted, missing, expiresAt } as const
      await deps.handle(signIn, stream, grant, caller())
      return { signInId, returnTo, failure: null }
    } catch (error) {
      if (!(error instanceof Refused || error instanceof MailUnavailable)) throw error
      await deps.handle(signIn, stream, { do: 'fail', code: error.code }, caller())
      return { signInId, returnTo, failure: error }
    } finally {
      await deps.vault.discard(signInId, [secretsVersion])
    }
  }

const answered = async (
  { vault, providerOf, redirectUri }: StartSignInDeps,
  started: SignInUnderWay,
  secretsVersion: number,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<SignedIn> => {
  const kept = await vault.load(started.signInId, secretsVersion)
  if (kept === null) throw signInExpired()
  const callback = new URL(`${redirectUri}?${String(query)}`)
  const checks = { ...checksIn(kept), redirectUri }
  return requireSignIn(providerOf(started)).finish(callback, checks, started, signal)
}
