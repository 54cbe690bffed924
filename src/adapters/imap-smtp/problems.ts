import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import {
  defineProblems,
  networkProblemOf,
  networkProblems,
  textOf,
  type Problem,
} from '../network/problems.ts'
import { loginHint } from './login-hints.ts'

/** Why a mailbox cannot be used over SMTP or IMAP, in our words: no server text is repeated. */
const ownProblems = {
  'starttls-not-offered': [
    'refused',
    'STARTTLS not offered',
    'The mail server does not offer STARTTLS, so the password was not sent',
    'Choose TLS with port 993 (IMAP) or 465 (SMTP). If the server did offer it before, somebody may be tampering with the connection.',
  ],
  'ehlo-name-refused': [
    'refused',
    'Greeting refused',
    'The mail server does not accept the name that Mailtrail greets it with (EHLO)',
    'Ask the operator of Mailtrail to set MAILTRAIL_EHLO_NAME to a full host name that resolves to its public address.',
  ],
  'login-rejected': [
    'sign-in-again',
    'Login rejected',
    'The mail server did not accept the user name and password',
    'Check the user name and password.',
  ],
  'login-disabled': [
    'sign-in-again',
    'Password login not available',
    'The mail server does not offer password logins here',
    'Check the port and encryption, and whether the provider has disabled password logins.',
  ],
  'token-rejected': [
    'sign-in-again',
    'Access token rejected',
    'The mail server did not accept the access token',
    'Send a new access token: this one may have expired, or may not permit IMAP or SMTP.',
  ],
  'token-login-not-offered': [
    'sign-in-again',
    'Access tokens not accepted',
    'The mail server does not take access tokens here (OAUTHBEARER, XOAUTH2)',
    'Enter a password or an app password in place of the access token.',
  ],
  'login-deferred': [
    'temporary',
    'Login temporarily unavailable',
    'The mail server cannot check logins at the moment',
    'Wait: it is tried again automatically. If this persists, too many programs may be connected to the mailbox.',
  ],
  'inbox-missing': [
    'refused',
    'No inbox',
    'The mailbox has no INBOX',
    'Check that the user name belongs to a mailbox and that IMAP is switched on for it.',
  ],
  'folder-unavailable': [
    'refused',
    'Folder unavailable',
    'The folder cannot be opened',
    'Check that the folder still exists and that this user may read it.',
  ],
  'folder-missing': [
    'gone',
    'Folder missing',
    'The folder no longer exists',
    'Do nothing: its messages are no longer listed there.',
  ],
  'folder-changed': [
    'temporary',
    'Folder rebuilt',
    'The mail server has rebuilt the folder in the meantime',
    'Do nothing: it is read again automatically.',
  ],
  'append-refused': [
    'refused',
    'Copy refused',
    'The mail server did not accept the copy into the folder',
    'Check that the mailbox is not full and that the folder is writable.',
  ],
  'move-refused': [
    'refused',
    'Move refused',
    'The mail server did not move a message to another folder',
    'Check that the folders can be written to, or move the message with a mail program.',
  ],
  'move-not-offered': [
    'refused',
    'Moving not offered',
    'The mail server offers no way to move single messages (RFC 6851, RFC 4315)',
    'Move the message with a mail program.',
  ],
  'command-refused': [
    'temporary',
    'Command refused',
    'The mail server refused a command',
    'Do nothing: it is tried again automatically.',
  ],
  'server-busy': [
    'temporary',
    'Mail server busy',
    'The mail server is not accepting connections at the moment',
    'Wait: it is tried again automatically.',
  ],
  throttled: [
    'throttled',
    'Too many requests',
    'The mail server is not accepting more requests for this mailbox for now',
    'Wait: it is tried again automatically. If this persists, another program may be using the mailbox heavily.',
  ],
  'protocol-error': [
    'temporary',
    'Unexpected answer',
    'The mail server gave an answer that Mailtrail does not understand',
    'Check the host name and port: a different kind of server may be listening there.',
  ],
} as const satisfies Record<string, Problem>

defineProblems(ownProblems)

const PROBLEMS = { ...networkProblems, ...ownProblems }

export type ProblemCode = keyof typeof PROBLEMS

/** @param host if known, for advice specific to the provider. @param until when to try again, if known */
export const unavailable = (code: ProblemCode, host = '', until: Date | null = null): MailUnavailable => {
  const [kind, , message, remedy]: Problem = PROBLEMS[code]
  const hint = kind === 'sign-in-again' ? loginHint(host) : null
  return new MailUnavailable(kind, code, message, hint === null ? remedy : `${remedy} ${hint}`, until)
}

const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(PROBLEMS, code)

/** What an error stands for; null if it says nothing to us. */
export const codeOf = (error: unknown): ProblemCode | null =>
  error instanceof MailUnavailable && isProblemCode(error.code) ? error.code : networkProblemOf(error)

/** Response codes with which servers limit how much one mailbox may ask for (RFC 5530, RFC 9208; Gmail, Yahoo). */
const LIMITS = ['LIMIT', 'OVERQUOTA', 'THROTTLED']

/** The error as such a limit, with its end if the server gives one; otherwise null. */
export const throttled = (error: unknown): MailUnavailable | null => {
  const waitMs: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'throttleReset') : undefined
  if (textOf(error, 'code') === 'ETHROTTLE')
    return unavailable('throttled', '', typeof waitMs === 'number' ? new Date(Date.now() + waitMs) : null)
  return LIMITS.includes(textOf(error, 'serverResponseCode')) ? unavailable('throttled') : null
}

/** The server refused a command, but the connection lives on. */
export const isRefusal = (error: unknown): boolean => ['NO', 'BAD'].includes(textOf(error, 'responseStatus'))

/** Any error of a command, in our words. `refused`: what it means if the server said no. */
export const failure = (error: unknown, refused: ProblemCode = 'command-refused'): MailUnavailable => {
  if (error instanceof MailUnavailable) return error
  // As an answer to APPEND it means that the mailbox is full (RFC 9208).
  const isFull = refused === 'append-refused' && textOf(error, 'serverResponseCode') === 'OVERQUOTA'
  const slower = isFull ? null : throttled(error)
  if (slower !== null) return slower
  return unavailable(isRefusal(error) ? refused : (codeOf(error) ?? 'protocol-error'))
}
