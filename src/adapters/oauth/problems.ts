import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { defineProblems, networkProblemOf, textOf, type Problem } from '../network/problems.ts'

/** Why an authorization server gave no tokens, in our words. `sign-in-ended` alone asks a person to do something. */
const problems = {
  'sign-in-ended': [
    'sign-in-again',
    'Sign-in ended',
    'The provider does not accept the sign-in of this account any more',
    'Sign in again. Providers end a sign-in when a person or an administrator removes the access, when the password was changed, and when it was not used for months.',
  ],
  'sign-in-server-throttled': [
    'throttled',
    'Too many sign-in requests',
    'The provider wants fewer requests for access tokens',
    'Do nothing: it is tried again automatically.',
  ],
  'sign-in-server-unavailable': [
    'temporary',
    'Sign-in server unavailable',
    'The server of the provider that hands out access tokens did not answer, or could not answer now',
    'Do nothing: it is tried again automatically. If it persists, ask the operator whether the service can reach the provider.',
  ],
  'sign-in-server-untrusted': [
    'refused',
    'Sign-in server not trusted',
    'The certificate of the server that hands out access tokens is not valid, so nothing was sent to it',
    'Ask the operator: something between Mailtrail and the provider breaks TLS, or its authority has to be named in MAILTRAIL_EXTRA_CA.',
  ],
  'sign-in-set-up-wrongly': [
    'refused',
    'Registration refused by the provider',
    'The provider does not accept how Mailtrail is registered with it, or its answer was not valid',
    "Ask the operator to check the client id, the client secret, which may have expired, and the provider's registration of Mailtrail.",
  ],
} as const satisfies Record<string, Problem>
defineProblems(problems)

type ProblemCode = keyof typeof problems

export const problem = (code: ProblemCode, until: Date | null = null): MailUnavailable => {
  const [kind, , message, remedy]: Problem = problems[code]
  return new MailUnavailable(kind, code, message, remedy, until)
}

/** The server knows the refresh token or code and will never take it (RFC 6749 5.2, OpenID Connect Core 3.1.2.6). */
const ENDED = ['invalid_grant', 'interaction_required', 'login_required', 'consent_required']
const THROTTLED = ['rate_limit_exceeded', 'slow_down']
const FOR_NOW = ['temporarily_unavailable', 'server_error']

/** RFC 9110 10.2.3, in seconds or as a date. */
const retryAt = ({ headers }: Response, now: Date): Date | null => {
  const text = headers.get('retry-after')
  if (text === null) return null
  const at = /^\d{1,6}$/.test(text) ? new Date(now.getTime() + Number(text) * 1000) : new Date(text)
  return Number.isNaN(at.getTime()) ? null : at
}

const ofAnswer = (response: Response, error: string, now: Date): MailUnavailable => {
  if (response.status === 429 || THROTTLED.includes(error))
    return problem('sign-in-server-throttled', retryAt(response, now))
  if (response.status >= 500 || response.status === 408 || FOR_NOW.includes(error))
    return problem('sign-in-server-unavailable')
  return problem(ENDED.includes(error) ? 'sign-in-ended' : 'sign-in-set-up-wrongly')
}

/** What an error of the OAuth library stands for. Nothing of the server's own is repeated. */
export const problemOf = (error: unknown, now: Date): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  if (error instanceof ResponseBodyError) return ofAnswer(error.response, error.error, now)
  if (error instanceof WWWAuthenticateChallengeError) return ofAnswer(error.response, '', now)
  if (error instanceof ClientError) {
    if (error.cause instanceof Response) return ofAnswer(error.cause, '', now)
    const answered =
      textOf(error, 'code').startsWith('OAUTH_') && !/TIMEOUT|ABORT/.test(textOf(error, 'code'))
    return problem(answered ? 'sign-in-set-up-wrongly' : 'sign-in-server-unavailable')
  }
  const network = error instanceof Error ? networkProblemOf(error.cause) : null
  return problem(
    network?.startsWith('certificate') || network === 'tls-failed'
      ? 'sign-in-server-untrusted'
      : 'sign-in-server-unavailable',
  )
}
