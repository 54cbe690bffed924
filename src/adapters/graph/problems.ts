import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { defineProblems, type Problem } from '../network/problems.ts'

const WAIT = 'Do nothing: it is tried again automatically.'

/** Why an Outlook mailbox cannot be used, in our words: nothing of what Microsoft says is repeated. */
const problems = {
  'outlook-signed-out': [
    'sign-in-again',
    'Signed out of Outlook',
    'Microsoft does not accept the sign-in of this account any more',
    'Sign in with Microsoft again.',
  ],
  'outlook-not-allowed': [
    'scope-missing',
    'Not permitted in Outlook',
    'Microsoft does not let Mailtrail do this in the mailbox',
    'Sign in with Microsoft again and grant all permissions; an administrator may have to allow them.',
  ],
  'outlook-throttled': [
    'throttled',
    'Too many requests to Outlook',
    'Microsoft does not accept more requests for this mailbox for now',
    `${WAIT} If this persists, another program may be using the mailbox heavily.`,
  ],
  'outlook-item-gone': [
    'gone',
    'Not in the mailbox',
    'The message or folder is no longer in the Outlook mailbox',
    'Do nothing, unless it should be there.',
  ],
  'outlook-busy': ['temporary', 'Outlook busy', 'Microsoft could not answer at the moment', WAIT],
  'outlook-refused': [
    'refused',
    'Refused by Outlook',
    'Microsoft refused a request of Mailtrail',
    'Look at the mailbox in Outlook; if all is well there, tell the operator of Mailtrail.',
  ],
  'outlook-answer-unknown': [
    'temporary',
    'Unexpected answer from Outlook',
    'Microsoft gave an answer that Mailtrail does not understand',
    `${WAIT} If this persists, tell the operator of Mailtrail.`,
  ],
  'outlook-recipients-refused': [
    'refused',
    'Recipients refused',
    'Outlook does not accept the recipients of the email',
    'Correct the addresses and send the email again.',
  ],
  'outlook-too-large': [
    'refused',
    'Email too large',
    'The email is larger than Outlook accepts',
    'Send smaller attachments, or links to them.',
  ],
} as const satisfies Record<string, Problem>

defineProblems(problems)

export type OutlookProblem = keyof typeof problems

export const unavailable = (code: OutlookProblem, until: Date | null = null): MailUnavailable => {
  const [kind, , message, remedy]: Problem = problems[code]
  return new MailUnavailable(kind, code, message, remedy, until)
}

/** What Graph's answer stands for that is not the one asked for. `until`: when one may ask again, where it says so. */
export const problemOf = (status: number, until: Date | null): MailUnavailable => {
  if (status === 401) return unavailable('outlook-signed-out')
  if (status === 403) return unavailable('outlook-not-allowed')
  if (status === 404 || status === 410) return unavailable('outlook-item-gone')
  if (status === 429) return unavailable('outlook-throttled', until)
  if (status === 413) return unavailable('outlook-too-large')
  return unavailable(status >= 500 || status === 408 ? 'outlook-busy' : 'outlook-refused')
}
