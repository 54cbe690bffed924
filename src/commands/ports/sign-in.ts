import type { Credentials } from './credentials.ts'
import type { Admitted } from './mail-provider.ts'

// Signing in with a provider in a browser, so that no password is entered here (RFC 6749 4.1, RFC 7636, RFC 9700).

/**
 * Something that a person permits. `words` is what it lets us do, in plain words. An `optional` one is only asked for
 * where somebody wants it.
 */
export type Permission = { readonly name: string; readonly words: string; readonly optional: boolean }

/** What ties a callback to the sign-in that it answers; each is random, and used once. */
export type SignInChecks = {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  /** PKCE's code verifier (RFC 7636 4.1). */
  readonly verifier: string
}

/** `granted` and `missing` are names of permissions that were asked for. `admitted` sends and receives only what they allow. */
export type SignedIn = {
  readonly address: string
  readonly admitted: Admitted
  readonly granted: readonly string[]
  readonly missing: readonly string[]
}

export type SignIn = {
  /** Why nobody can sign in yet, and what the operator has to do; null if it is set up. */
  readonly notSetUp: string | null
  readonly permissions: readonly Permission[]
  /** Where a person's browser is sent to. `optional` are names of permissions; `address` is only a hint. */
  begin(
    checks: SignInChecks,
    asked: { readonly optional: readonly string[]; readonly address: string | null },
  ): Promise<URL>
  /**
   * What the provider's redirect back to us stands for. `callback` is its whole URL.
   * @throws Refused if the person or the provider said no, or it does not answer these checks; MailUnavailable if the
   *   provider cannot be reached
   */
  finish(
    callback: URL,
    checks: SignInChecks,
    asked: { readonly optional: readonly string[] },
    signal: AbortSignal,
  ): Promise<SignedIn>
  /**
   * Takes back what was granted, at the provider. @throws MailUnavailable
   * @returns false if the provider offers no way, so that only a person can do it there
   */
  revoke(credentials: Credentials): Promise<boolean>
}
