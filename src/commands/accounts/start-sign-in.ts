import { signIn, signInLinkInvalid, signInStream } from '../../domain/accounts/sign-in.ts'
import { Refused } from '../../domain/refusal.ts'
import { systemCaller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Vault } from '../ports/credentials.ts'
import { RevisionConflict } from '../ports/event-log.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { requireSignIn, STEP_WITHIN_MS } from './begin-sign-in.ts'
import { hashOf, joined, newSecret, parted, sealedChecks } from './sign-in-secrets.ts'

export type StartSignInDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly vault: Vault
  readonly providerOf: ProviderOf
  /** Where providers send browsers back to, as it is registered with them. */
  readonly redirectUri: string
}

/** `browser` is a secret for the browser to keep until it comes back. */
type StartedSignIn = { readonly signInId: string; readonly to: URL; readonly browser: string }

/**
 * Sends the browser that follows the link of a sign-in to the provider.
 * @throws Refused `sign-in-link-invalid`; MailUnavailable
 */
export const startSignIn =
  (deps: StartSignInDeps) =>
  async (link: string): Promise<StartedSignIn> => {
    const { signInId, secret } = parted(link) ?? { signInId: '', secret: '' }
    if (signInId === '') throw signInLinkInvalid()
    const stream = signInStream(signInId)
    const now = deps.clock()
    const state = joined(signInId, newSecret())
    const browser = newSecret()
    const command = {
      do: 'start',
      at: now.toISOString(),
      linkHash: hashOf(secret),
      stateHash: hashOf(state),
      browserHash: hashOf(browser),
      expiresAt: new Date(now.getTime() + STEP_WITHIN_MS).toISOString(),
    } as const
    const { state: begun } = await deps.load(signIn, stream)
    signIn.decide({ ...command, secretsVersion: 0 }, begun)
    if (begun.status !== 'begun') throw signInLinkInvalid()
    const checks = { state, nonce: newSecret(), verifier: newSecret() }
    const { optional, address } = begun
    const to = await requireSignIn(deps.providerOf(begun)).begin(
      { ...checks, redirectUri: deps.redirectUri },
      { optional, address },
    )
    const { version } = await deps.vault.store(signInId, sealedChecks(checks))
    try {
      const caller = systemCaller('sign-in', deps.clock, signInId)
      await deps.handle(signIn, stream, { ...command, secretsVersion: version }, caller)
    } catch (error) {
      // Of two browsers that follow a link at the same time, one was first.
      if (error instanceof Refused || error instanceof RevisionConflict)
        await deps.vault.discard(signInId, [version])
      throw error
    }
    return { signInId, to, browser }
  }
