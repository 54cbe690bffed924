import {
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientError,
  ResponseBodyError,
  type IDToken,
} from 'openid-client'
import type { Admitted, MailUnavailable } from '../../commands/ports/mail-provider.ts'
import type { Permission, SignIn } from '../../commands/ports/sign-in.ts'
import { defineRefusal, type Refused } from '../../domain/refusal.ts'
import { tokensOf, type OAuthClient } from './client.ts'
import { problem, problemOf } from './problems.ts'
import { credentialsOf } from './tokens.ts'

/** `scope` is what it is called at the provider (RFC 6749 3.3). */
type ScopedPermission = Permission & { readonly scope: string }

/** Whose mailbox it is: its address, and a name of it that stays when the address changes. */
type Identity = { readonly address: string; readonly mailbox: string }

/** What a provider's sign-in has that others have not. */
type SignInDialect = {
  readonly provider: string
  readonly permissions: readonly ScopedPermission[]
  /** Asked for in any case: to be told who signs in, and for a refresh token. */
  readonly loginScopes: readonly string[]
  /** Further parameters for the authorization endpoint. */
  readonly parameters: Readonly<Record<string, string>>
  /** @throws Refused, MailUnavailable */
  identify(claims: IDToken, accessToken: string, signal: AbortSignal): Promise<Identity>
  /** What an account can be used for with these permissions. */
  uses(granted: readonly string[]): { readonly sends: boolean; readonly receives: boolean }
}

const signInDeclined = defineRefusal('sign-in-declined', {
  title: 'Sign-in declined',
  meaning: 'The sign-in was cancelled, or the provider or its administrator does not allow it.',
  remedy: 'Start again and agree; if an administrator has to allow it first, ask them to.',
})
export const signInNotAccepted = defineRefusal('sign-in-not-accepted', {
  title: 'Sign-in not accepted',
  meaning: 'What the provider answered does not belong to this sign-in, or was used before.',
  remedy: 'Start again from the beginning.',
})
/** For a connection as entered: there is nothing to enter. */
export const signInNeeded = defineRefusal('sign-in-needed', {
  title: 'Sign in instead',
  meaning: 'Accounts of this provider are connected by signing in, not by entering settings.',
  remedy: 'Start a sign-in with POST /v1/sign-ins, and open its URL in a browser.',
})
const lastingAccessMissing = defineRefusal('lasting-access-missing', {
  title: 'No lasting access',
  meaning: 'The provider granted access for an hour only, which is of no use to sync with.',
  remedy: "Remove Mailtrail from the account's connected apps at the provider, and start again.",
})

const NOT_SET_UP =
  'Ask the operator to register Mailtrail with the provider and to set its client id and secret: the README\'s "Gmail and Outlook" says how.'

/** Signing in with a provider: authorization code with PKCE, nonce and state (RFC 9700 2.1, OpenID Connect Core 3.1). */
export const oauthSignIn = (
  client: OAuthClient,
  dialect: SignInDialect,
  now: () => Date = () => new Date(),
): SignIn => {
  const askedFor = (optional: readonly string[]): readonly ScopedPermission[] =>
    dialect.permissions.filter((permission) => !permission.optional || optional.includes(permission.name))

  return {
    notSetUp: client.isSetUp ? null : NOT_SET_UP,
    permissions: dialect.permissions.map(({ name, words, optional }) => ({ name, words, optional })),

    begin: async (checks, { optional, address }) => {
      const scopes = [...dialect.loginScopes, ...askedFor(optional).map(({ scope }) => scope)]
      return buildAuthorizationUrl(await client.configuration(), {
        ...dialect.parameters,
        ...(address === null ? {} : { login_hint: address }),
        redirect_uri: checks.redirectUri,
        scope: scopes.join(' '),
        state: checks.state,
        nonce: checks.nonce,
        code_challenge: await calculatePKCECodeChallenge(checks.verifier),
        code_challenge_method: 'S256',
      })
    },

    finish: async (callback, checks, { optional }, signal) => {
      const configuration = await client.configuration()
      const asked = now()
      const answer = await authorizationCodeGrant(configuration, callback, {
        expectedState: checks.state,
        expectedNonce: checks.nonce,
        pkceCodeVerifier: checks.verifier,
        idTokenExpected: true,
      }).catch((error: unknown) => {
        throw refusalOf(error) ?? problemOf(error, asked)
      })
      const claims = answer.claims()
      if (claims === undefined) throw signInNotAccepted()
      if (answer.refresh_token === undefined) throw lastingAccessMissing()
      const tokens = tokensOf({ ...answer, refresh_token: answer.refresh_token }, asked)
      const wanted = askedFor(optional)
      // A server may leave the scope out where it is what was asked for (RFC 6749 5.1).
      const scopes = (answer.scope ?? wanted.map(({ scope }) => scope).join(' ')).split(' ').map(shortScope)
      const isGranted = ({ scope }: ScopedPermission) => scopes.includes(shortScope(scope))
      const granted = wanted.filter(isGranted).map(({ name }) => name)
      const { address, mailbox } = await dialect.identify(claims, tokens.accessToken, signal)
      const admitted: Admitted = {
        connection: { provider: dialect.provider, address, permissions: granted },
        credentials: credentialsOf(tokens),
        ...dialect.uses(granted),
        filesCopies: true,
        mailbox,
      }
      const missing = wanted.filter((permission) => !isGranted(permission)).map(({ name }) => name)
      return { address, admitted, granted, missing }
    },

    revoke: async ({ refreshToken }) => client.revoke(refreshToken?.reveal() ?? ''),
  }
}

/** Microsoft names a scope with or without the resource that it belongs to, in any case. */
const shortScope = (scope: string): string => (scope.split('/').at(-1) ?? '').toLowerCase()

const FOR_NOW = ['temporarily_unavailable', 'server_error']

/** What the redirect, or the exchange of its code, was refused for; null if the trouble is another. */
const refusalOf = (error: unknown): Refused | MailUnavailable | null => {
  if (error instanceof AuthorizationResponseError)
    return FOR_NOW.includes(error.error) ? problem('sign-in-server-unavailable') : signInDeclined()
  if (error instanceof ResponseBodyError && error.error === 'invalid_grant' && error.status < 500)
    return signInNotAccepted()
  const answered = error instanceof ClientError && !(error.cause instanceof Response)
  return answered && /INVALID_RESPONSE|_CLAIM_|TIMESTAMP|JWT/.test(error.code ?? '')
    ? signInNotAccepted()
    : null
}
