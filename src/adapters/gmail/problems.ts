import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import {
  defineProblems,
  networkProblemOf,
  networkProblems,
  textOf,
  type Problem,
} from '../network/problems.ts'

/** Why a mailbox cannot be used through the Gmail API, in our words: no text of Google's is repeated. */
const ownProblems = {
  'gmail-login-rejected': [
    'sign-in-again',
    'Google login rejected',
    'Google does not accept the access that was granted to Mailtrail any more',
    'Sign in with Google again. Access ends when the password changes, or when somebody withdraws it.',
  ],
  'gmail-permission-missing': [
    'scope-missing',
    'Google permission missing',
    'Google does not allow this with the permissions that were granted',
    'Sign in with Google again, and leave all permissions ticked.',
  ],
  'gmail-not-allowed': [
    'refused',
    'Not allowed by Google Workspace',
    'The administrator of the Google Workspace does not allow this app',
    'Ask the administrator of the Google Workspace to allow Mailtrail.',
  ],
  'gmail-api-off': [
    'refused',
    'Gmail API switched off',
    'The Gmail API is switched off in the Google Cloud project of this Mailtrail',
    'Ask the operator of Mailtrail to enable the Gmail API in the project of its client id.',
  ],
  'gmail-no-mailbox': [
    'refused',
    'No Gmail mailbox',
    'This Google account has no Gmail mailbox',
    'Choose a Google account with Gmail, or ask the administrator to switch Gmail on.',
  ],
  'gmail-throttled': [
    'throttled',
    'Too many requests to Gmail',
    'Gmail is not accepting more requests for this mailbox for now',
    'Wait: it is tried again automatically. If this persists, another program may be using the mailbox heavily.',
  ],
  'gmail-too-large': [
    'refused',
    'Email too large for Gmail',
    'The email is larger than the 35 MB that Gmail takes, attachments included',
    'Send smaller attachments, or links to them.',
  ],
  'gmail-missing': [
    'gone',
    'Not in the mailbox',
    'Gmail does not have this any more',
    'Do nothing, unless it should exist.',
  ],
  'gmail-refused': [
    'refused',
    'Refused by Gmail',
    'Gmail does not accept this',
    'Check the addresses and the size of the email, and send it again.',
  ],
  'gmail-down': [
    'temporary',
    'Gmail unavailable',
    'Gmail could not answer',
    'Wait: it is tried again automatically.',
  ],
  'gmail-unreachable': [
    'temporary',
    'Gmail unreachable',
    'Gmail did not answer',
    'Wait: it is tried again automatically. If this persists, the operator should check the network of Mailtrail.',
  ],
} as const satisfies Record<string, Problem>

defineProblems(ownProblems)

export type ProblemCode = keyof typeof ownProblems

export const unavailable = (code: ProblemCode, until: Date | null = null): MailUnavailable => {
  const [kind, , message, remedy]: Problem = ownProblems[code]
  return new MailUnavailable(kind, code, message, remedy, until)
}

export const stopped = (): MailUnavailable => {
  const [kind, , message, remedy]: Problem = networkProblems.stopped
  return new MailUnavailable(kind, 'stopped', message, remedy)
}

/** Reasons in the body of a 403 or 400 (Gmail API, "Resolve errors"). */
const BY_REASON: Readonly<Record<string, ProblemCode>> = {
  rateLimitExceeded: 'gmail-throttled',
  userRateLimitExceeded: 'gmail-throttled',
  dailyLimitExceeded: 'gmail-throttled',
  quotaExceeded: 'gmail-throttled',
  RATE_LIMIT_EXCEEDED: 'gmail-throttled',
  insufficientPermissions: 'gmail-permission-missing',
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: 'gmail-permission-missing',
  domainPolicy: 'gmail-not-allowed',
  accessNotConfigured: 'gmail-api-off',
  SERVICE_DISABLED: 'gmail-api-off',
  failedPrecondition: 'gmail-no-mailbox',
}

type Response = { readonly status: number; readonly headers: Headers; readonly data: unknown }

const responseOf = (error: unknown): Response | null => {
  if (typeof error !== 'object' || error === null) return null
  const response: unknown = Reflect.get(error, 'response')
  return typeof response === 'object' && response !== null && 'status' in response
    ? (response as Response)
    : null
}

/** The status of Google's answer; null if there was none. */
export const statusOf = (error: unknown): number | null => responseOf(error)?.status ?? null

const reasonsIn = ({ data }: Response): ProblemCode | undefined => {
  const text = JSON.stringify(data ?? null)
  const [, code] = Object.entries(BY_REASON).find(([reason]) => text.includes(`"${reason}"`)) ?? []
  return code
}

/** When Google says that it may be tried again: a header, or a time in the message. */
const untilIn = ({ headers, data }: Response): Date | null => {
  const header = headers.get('retry-after')
  const seconds = Number(header ?? Number.NaN)
  const [, told = ''] = /Retry after (\d{4}-\d\d-\d\dT[\d:.]+Z)/.exec(JSON.stringify(data ?? null)) ?? []
  const until = new Date(Number.isFinite(seconds) ? Date.now() + seconds * 1000 : (header ?? told))
  return until.getTime() > Date.now() ? until : null
}

const codeOfStatus = (status: number): ProblemCode => {
  if (status === 401) return 'gmail-login-rejected'
  if (status === 403) return 'gmail-permission-missing'
  if (status === 404 || status === 410) return 'gmail-missing'
  if (status === 413) return 'gmail-too-large'
  if (status === 429) return 'gmail-throttled'
  return status >= 500 ? 'gmail-down' : 'gmail-refused'
}

/** Any error of a call, in our words. Nothing of it is kept: it holds the access token. */
export const failure = (error: unknown, signal: AbortSignal): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  const response = responseOf(error)
  if (response !== null) {
    const code = reasonsIn(response) ?? codeOfStatus(response.status)
    return unavailable(code, code === 'gmail-throttled' ? untilIn(response) : null)
  }
  if (signal.aborted) return stopped()
  const cause: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'cause') : null
  const isNetwork =
    textOf(error, 'name') === 'GaxiosError' || (networkProblemOf(error) ?? networkProblemOf(cause)) !== null
  if (!isNetwork) throw error
  return unavailable('gmail-unreachable')
}
