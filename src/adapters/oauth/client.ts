import {
  allowInsecureRequests,
  ClientSecretPost,
  discovery,
  refreshTokenGrant,
  ResponseBodyError,
  tokenRevocation,
  type Configuration,
} from 'openid-client'
import type { Secret } from '../../commands/ports/credentials.ts'
import { sharedRead } from '../../std/shared-read.ts'
import { problem, problemOf } from './problems.ts'

/** How Mailtrail is registered with a provider. `issuer` is where its authorization server describes itself. */
export type Registration = {
  readonly issuer: URL
  readonly clientId: string
  readonly clientSecret: Secret
}

/** `expiresAt` in RFC 3339. */
export type Tokens = {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: string
}

/** A provider's authorization server, as one of its registered clients sees it. Everything throws MailUnavailable. */
export type OAuthClient = {
  /** The operator has registered Mailtrail with the provider; otherwise nothing else here works. */
  readonly isSetUp: boolean
  configuration(): Promise<Configuration>
  /** New tokens. The refresh token may be a new one (RFC 6749 6). */
  refresh(refreshToken: string): Promise<Tokens>
  /** RFC 7009. @returns false if the server offers no revocation */
  revoke(refreshToken: string): Promise<boolean>
}

/** How long what a server says of itself is believed. */
const DESCRIBED_FOR_MS = 3_600_000
/** What RFC 6749 5.1 leaves to us if a server does not say how long a token holds. */
const HOLDS_FOR_SECONDS = 3600

/** @param registration null where the operator has not registered Mailtrail with the provider */
export const oauthClient = (
  registration: Registration | null,
  {
    now = () => new Date(),
    answerWithinSeconds = 15,
  }: { readonly now?: () => Date; readonly answerWithinSeconds?: number } = {},
): OAuthClient => {
  const described = sharedRead(async (): Promise<Configuration> => {
    if (registration === null) throw problem('sign-in-set-up-wrongly')
    const { issuer, clientId, clientSecret } = registration
    return discovery(issuer, clientId, undefined, ClientSecretPost(clientSecret.reveal()), {
      timeout: answerWithinSeconds,
      execute: issuer.protocol === 'http:' ? [allowInsecureRequests] : [],
    })
  }, DESCRIBED_FOR_MS)

  const asking = async <Value>(ask: (configuration: Configuration) => Promise<Value>): Promise<Value> => {
    try {
      return await ask(await described())
    } catch (error) {
      throw problemOf(error, now())
    }
  }

  return {
    isSetUp: registration !== null,
    configuration: () => asking(async (configuration) => configuration),
    refresh: (refreshToken) =>
      asking(async (configuration) => {
        const asked = now()
        const answer = await refreshTokenGrant(configuration, refreshToken)
        return tokensOf({ refresh_token: refreshToken, ...answer }, asked)
      }),
    revoke: (refreshToken) =>
      asking(async (configuration) => {
        if (configuration.serverMetadata().revocation_endpoint === undefined) return false
        await tokenRevocation(configuration, refreshToken, { token_type_hint: 'refresh_token' }).catch(
          unlessRevoked,
        )
        return true
      }),
  }
}

/** Google says so of a token that was revoked before, where RFC 7009 2.2 has servers answer that all is well. */
const unlessRevoked = (error: unknown): void => {
  if (!(error instanceof ResponseBodyError && error.error === 'invalid_token')) throw error
}

type Answer = {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in?: number | undefined
}

/** `asked`: when they were asked for, which is before their time began. */
export const tokensOf = (answer: Answer, asked: Date): Tokens => ({
  accessToken: answer.access_token,
  refreshToken: answer.refresh_token,
  expiresAt: new Date(asked.getTime() + (answer.expires_in ?? HOLDS_FOR_SECONDS) * 1000).toISOString(),
})
