import { credentialsMissing, Secret, type Credentials } from '../../commands/ports/credentials.ts'
import { MailUnavailable, type Access } from '../../commands/ports/mail-provider.ts'
import { turns } from '../../std/in-parallel.ts'
import { unreachable } from '../network/problems.ts'
import type { OAuthClient, Tokens } from './client.ts'

/** Access tokens for accounts that were connected by signing in with the provider. */
export type TokenSource = {
  /**
   * An access token that holds for a minute at least. `refused`: one that the provider did not accept, so that another
   * is needed. All who ask for an account at the same time, in whatever process, cause one refresh.
   * @throws MailUnavailable `sign-in-again` only if the provider says that the sign-in has ended
   */
  accessToken(access: Access, refused: string | null, signal: AbortSignal): Promise<string>
}

const HOLDS_FOR_MS = 60_000
/** A refresh keeps a row of the database locked, and so one of its connections. */
const REFRESHES_AT_ONCE = 4

/** The secrets of an account that was connected by signing in, as the vault keeps them. */
export const credentialsOf = ({ accessToken, refreshToken, expiresAt }: Tokens): Credentials => ({
  accessToken: new Secret(accessToken),
  refreshToken: new Secret(refreshToken),
  expiresAt: new Secret(expiresAt),
})

export const tokenSource = (
  client: Pick<OAuthClient, 'refresh'>,
  now: () => Date = () => new Date(),
): TokenSource => {
  const inTurn = turns(REFRESHES_AT_ONCE)
  const flights = new Map<string, Promise<Credentials>>()
  // What became of the credentials of an access that is held for longer than they are good for.
  const latest = new WeakMap<Access, Credentials>()

  const isGood = (credentials: Credentials, refused: string | null): boolean => {
    const { accessToken, expiresAt } = tokensIn(credentials)
    return accessToken !== refused && Date.parse(expiresAt) - now().getTime() >= HOLDS_FOR_MS
  }

  const renewed = async (access: Access, refused: string | null): Promise<Credentials> => {
    if (!access.renew) throw signInMissing()
    const credentials = await access.renew(async (stored) =>
      isGood(stored, refused)
        ? null
        : { ...stored, ...credentialsOf(await client.refresh(tokensIn(stored).refreshToken)) },
    )
    if (credentials === null) throw signInMissing()
    return credentials
  }

  /** One refresh of this process for all who hold the same tokens. */
  const flight = (access: Access, held: Credentials, refused: string | null): Promise<Credentials> => {
    const key = JSON.stringify([tokensIn(held).refreshToken, refused])
    const before = flights.get(key)
    if (before) return before
    const started = inTurn(() => renewed(access, refused)).finally(() => flights.delete(key))
    flights.set(key, started)
    return started
  }

  return {
    accessToken: async (access, refused, signal) => {
      const held = latest.get(access) ?? access.credentials
      if (isGood(held, refused)) return tokensIn(held).accessToken
      const fresh = await unlessStopped(flight(access, held, refused), signal)
      latest.set(access, fresh)
      return tokensIn(fresh).accessToken
    },
  }
}

const tokensIn = ({ accessToken, refreshToken, expiresAt }: Credentials): Tokens => ({
  accessToken: accessToken?.reveal() ?? '',
  refreshToken: refreshToken?.reveal() ?? '',
  expiresAt: expiresAt?.reveal() ?? '',
})

const signInMissing = (): MailUnavailable =>
  new MailUnavailable(
    'sign-in-again',
    credentialsMissing.code,
    credentialsMissing.meaning,
    'Sign in with the provider again.',
  )

/** The work goes on for others who wait for it. */
const unlessStopped = async <Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> => {
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = () => reject(unreachable('stopped'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
