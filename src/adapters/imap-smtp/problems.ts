import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { networkProblemOf, networkProblems, textOf, type Problem } from '../network/problems.ts'
import { loginHint } from './login-hints.ts'

/** What keeps a mailbox from being used over SMTP or IMAP, in our words: nothing of the server's own is repeated. */
const PROBLEMS = {
  ...networkProblems,
  'starttls-not-offered': [
    'refused',
    'The mail server offers no STARTTLS, so the password was not sent',
    'Choose TLS with port 993 (IMAP) or 465 (SMTP). If the server did offer it before, somebody may be tampering with the connection.',
  ],
  'login-rejected': [
    'sign-in-again',
    'The mail server did not accept user name and password',
    'Check user name and password.',
  ],
  'login-disabled': [
    'sign-in-again',
    'The mail server offers no login with a password here',
    'Check port and encryption, and whether the provider has switched password logins off.',
  ],
  'credentials-missing': [
    'sign-in-again',
    'No password is kept for the mail server',
    'Enter the passwords of the account again.',
  ],
  'login-deferred': [
    'temporary',
    'The mail server cannot check logins now',
    'Wait; it is tried again. If it lasts, too many programs may be connected to this mailbox.',
  ],
  'inbox-missing': [
    'refused',
    'The mailbox has no INBOX',
    'Check that the user name belongs to a mailbox and that IMAP is switched on for it.',
  ],
  'folder-unavailable': [
    'refused',
    'The folder cannot be opened',
    'Check that the folder is still there and may be read by this user.',
  ],
  'folder-missing': [
    'gone',
    'The folder is not there any more',
    'Nothing: its messages are shown as removed.',
  ],
  'folder-changed': [
    'temporary',
    'The folder was rebuilt by the mail server meanwhile',
    'Nothing: it is read again.',
  ],
  'append-refused': [
    'refused',
    'The mail server did not take the copy into the folder',
    'Check that the mailbox is not full and the folder may be written to.',
  ],
  'command-refused': ['temporary', 'The mail server refused a command', 'Nothing: it is tried again.'],
  throttled: [
    'throttled',
    'The mail server takes no more requests of this mailbox for now',
    'Wait; it is tried again. If it lasts, other programs may be using the mailbox a lot.',
  ],
  'server-busy': ['temporary', 'The mail server takes no connections now', 'Wait; it is tried again.'],
  'protocol-error': [
    'temporary',
    'The mail server answered in a way that makes no sense here',
    'Check host name and port: another kind of server may be listening there.',
  ],
} as const satisfies Record<string, Problem>

export type ProblemCode = keyof typeof PROBLEMS

const MEANINGS: Record<MailUnavailable['kind'], string> = {
  'sign-in-again': 'It stays so until a person corrects the login, or what the provider allows.',
  'scope-missing': 'It stays so until a person allows Mailtrail to do this.',
  throttled: 'It was asked for too much in a short time, and is tried again by itself.',
  gone: 'Nobody needs to do anything, unless it should be there.',
  temporary: 'Time may mend it, so what was under way is tried again by itself.',
  refused: 'It stays so until the settings of the account, of the mail server or of Mailtrail are changed.',
}

/** The same for somebody who looks a code up, without an occasion. */
export const mailProblemHelp: ReadonlyMap<string, { title: string; meaning: string; remedy: string }> =
  new Map(
    Object.entries(PROBLEMS).map(([code, [kind, title, remedy]]) => [
      code,
      { title, meaning: MEANINGS[kind], remedy },
    ]),
  )

/** @param host where known, for advice that fits the provider. @param until when it may be tried again, where known */
export const unavailable = (code: ProblemCode, host = '', until: Date | null = null): MailUnavailable => {
  const [kind, message, remedy]: Problem = PROBLEMS[code]
  const hint = kind === 'sign-in-again' ? loginHint(host) : null
  return new MailUnavailable(kind, code, message, hint === null ? remedy : `${remedy} ${hint}`, until)
}

const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(PROBLEMS, code)

/** What an error stands for; null where it says nothing to us. */
export const codeOf = (error: unknown): ProblemCode | null =>
  error instanceof MailUnavailable && isProblemCode(error.code) ? error.code : networkProblemOf(error)

/** Response codes by which servers bound how much one mailbox may ask for (RFC 5530, RFC 9208; Gmail, Yahoo). */
const LIMITS = ['LIMIT', 'OVERQUOTA', 'THROTTLED']

/** The error as a bound on how much may be asked for, with the end of it where the server says so; else null. */
export const throttled = (error: unknown): MailUnavailable | null => {
  const waitMs: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'throttleReset') : undefined
  if (textOf(error, 'code') === 'ETHROTTLE')
    return unavailable('throttled', '', typeof waitMs === 'number' ? new Date(Date.now() + waitMs) : null)
  return LIMITS.includes(textOf(error, 'serverResponseCode')) ? unavailable('throttled') : null
}

/** Said by a command that the server refused, on a connection that lives on. */
export const isRefusal = (error: unknown): boolean => ['NO', 'BAD'].includes(textOf(error, 'responseStatus'))

/** Any error of a command, in our words. `refused`: what it means that the server said no. */
export const failure = (error: unknown, refused: ProblemCode = 'command-refused'): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  // To an APPEND it says that the mailbox is full (RFC 9208).
  const isFull = refused === 'append-refused' && textOf(error, 'serverResponseCode') === 'OVERQUOTA'
  const slower = isFull ? null : throttled(error)
  if (slower !== null) return slower
  return unavailable(isRefusal(error) ? refused : (codeOf(error) ?? 'protocol-error'))
}
