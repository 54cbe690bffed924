import { escapeHtml } from '../templates/contextual-escaping.ts'
import type { DigestFigures } from './digest-events.ts'
import type { NotificationKind } from './events.ts'

/** What a user may be told in an email: of mail whom it is from and its subject, and where the CRM is. */
export type MailFacts = {
  readonly account: string
  readonly message: { readonly from: string; readonly subject: string } | null
  readonly email: { readonly subject: string } | null
  readonly crmUrl: string | null
}
export type MailText = { readonly subject: string; readonly html: string }

const one: Readonly<Record<NotificationKind, (facts: MailFacts) => string>> = {
  'new-email': ({ message, account }) => `New email${from(message)} to ${account}`,
  assignment: ({ account }) => `A conversation in ${account} was assigned to you`,
  mention: ({ account }) => `A note on a conversation in ${account} mentions you`,
  reply: ({ message, account }) => `Reply${from(message)} to your email from ${account}`,
  bounce: ({ account }) => `Your email from ${account} came back`,
  'failed-send': ({ account }) => `Your email from ${account} could not be sent`,
  'sign-in-needed': ({ account }) => `${account} needs a new sign-in`,
  'mailbox-nearly-full': ({ account }) => `The mailbox of ${account} is nearly full`,
}
const several: Readonly<Record<NotificationKind, string>> = {
  'new-email': 'new emails',
  assignment: 'conversations assigned to you',
  mention: 'notes that mention you',
  reply: 'replies to your emails',
  bounce: 'emails of yours that came back',
  'failed-send': 'emails of yours that could not be sent',
  'sign-in-needed': 'new sign-ins needed',
  'mailbox-nearly-full': 'times that the mailbox was nearly full',
}

const from = (message: MailFacts['message']): string =>
  message === null || message.from === '' ? '' : ` from ${message.from}`

/** A notification as an email. */
export const notificationText = (kind: NotificationKind, gathered: number, facts: MailFacts): MailText => {
  const title = gathered === 1 ? one[kind](facts) : `${gathered} ${several[kind]} in ${facts.account}`
  // Of what came back the report says nothing to a reader.
  const about = kind === 'new-email' || kind === 'reply' ? facts.message : facts.email
  const subject = gathered === 1 && about !== null ? [`Subject: ${about.subject || '(no subject)'}`] : []
  return textOf(title, subject, facts.crmUrl)
}

/** The digest of a day as an email. `waitsSince` is the day on which the oldest unanswered conversation came in. */
export const digestText = (
  date: string,
  { received, assigned, waiting }: Omit<DigestFigures, 'unansweredSince'>,
  waitsSince: string | null,
  crmUrl: string | null,
): MailText => {
  const lines = [
    `New emails: ${received}`,
    `Open conversations assigned to you: ${assigned}`,
    `Conversations waiting for an answer from the other side: ${waiting}`,
    ...(waitsSince === null
      ? []
      : [`The longest unanswered conversation has been waiting since ${waitsSince}`]),
  ]
  return textOf(`Your mail on ${date}`, lines, crmUrl)
}

const LONGEST_SUBJECT = 200

const textOf = (title: string, lines: readonly string[], crmUrl: string | null): MailText => {
  const link = crmUrl === null ? '' : `<p><a href="${escapeHtml(crmUrl)}">Open the CRM</a></p>`
  const paragraphs = [title, ...lines].map((line) => `<p>${escapeHtml(line)}</p>`)
  return { subject: oneLineOf(title), html: `${paragraphs.join('')}${link}` }
}

/** Names and subjects come from strangers. */
const oneLineOf = (text: string): string => {
  const clean = text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return clean.length > LONGEST_SUBJECT ? `${clean.slice(0, LONGEST_SUBJECT).toWellFormed()}…` : clean
}
