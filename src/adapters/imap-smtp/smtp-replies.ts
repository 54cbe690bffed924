import type { MailUnavailable, RefusedRecipient, SendOutcome } from '../../commands/ports/mail-provider.ts'
import { defineCode, type CodeDefinition, type Occasion } from '../../domain/refusal.ts'
import { textOf } from '../network/problems.ts'
import type { ServerLogin } from './connection.ts'
import { saidSecrets } from './smtp-login.ts'
import { codeOf, unavailable } from './problems.ts'

const MAX_WORDS = 300

type Failed = Extract<SendOutcome, { kind: 'failed' }>

/** Known not to have been sent, for good. */
export const failed = (
  { code, meaning, remedy }: CodeDefinition,
  occasion: Pick<Occasion, 'detail'> & { readonly refused?: readonly RefusedRecipient[] } = {},
): Failed => ({
  kind: 'failed',
  code,
  reason: occasion.detail ?? meaning,
  remedy,
  refused: [...(occasion.refused ?? [])],
})

/** Known not to have been sent, for now. */
export const deferred = (
  {
    code,
    message,
    until = null,
  }: Pick<MailUnavailable, 'code' | 'message'> & Partial<Pick<MailUnavailable, 'until'>>,
  recipients: Partial<RefusedAndPutOff> = {},
): SendOutcome => ({
  kind: 'deferred',
  code,
  reason: message,
  ...(until === null ? {} : { until }),
  ...recipients,
})

type RefusedAndPutOff = { readonly refused: RefusedRecipient[]; readonly putOff: RefusedRecipient[] }

/** A connection error at a point where nothing can have been sent. */
export const deferredBy = (error: unknown): SendOutcome =>
  deferred(unavailable(codeOf(error) ?? 'protocol-error'))

/** The reply code in an error of the library, 0 if the server said nothing. */
export const replyCode = (error: unknown): number => {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'responseCode') : 0
  return typeof code === 'number' ? code : 0
}

/** A server's own words about an email or a recipient: kept as evidence, but short and without secrets. */
const wordsOf = (reply: string, login: ServerLogin): string => {
  const words = reply
    .split(/\r?\n/)
    .map((line) => line.replace(/^\d{3}[ -]?(?:[245]\.\d{1,3}\.\d{1,3}\b)?/, ''))
    .join(' ')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return saidSecrets(login)
    .reduce((text, each) => text.replaceAll(each, '[secret]'), words)
    .slice(0, MAX_WORDS)
}

const enhancedCode = (reply: string): string | null =>
  /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(reply)?.[1] ?? null

/** What the server said about a recipient. */
const refusalOf = (address: string, error: unknown, login: ServerLogin): RefusedRecipient => {
  const reply = textOf(error, 'response')
  return {
    address,
    code: replyCode(error) || null,
    enhancedCode: enhancedCode(reply),
    reason: wordsOf(reply, login),
  }
}

const isForGood = ({ code }: RefusedRecipient): boolean => code === null || code >= 500

/** The recipients that the server did not take, one by one (RFC 5321 3.3): for good, and for now. */
export const refusedAndPutOff = (errors: readonly unknown[], login: ServerLogin): RefusedAndPutOff => {
  const each = errors.map((error) => refusalOf(textOf(error, 'recipient'), error, login))
  return { refused: each.filter(isForGood), putOff: each.filter((of) => !isForGood(of)) }
}

export const emailTooLarge = defineCode('email-too-large', {
  title: 'Email too large',
  meaning: 'The email is larger than the mail server accepts.',
  remedy: 'Send it with fewer or smaller attachments.',
})

/** What a reply is about, and what a no means: for now, and for good. */
type Subject = {
  readonly subject: string
  readonly deferred: CodeDefinition
  readonly refused: CodeDefinition
}

const again = 'Do nothing: it is tried again automatically.'
const SUBJECTS: Record<string, Subject> = {
  'MAIL FROM': {
    subject: 'the sender',
    deferred: defineCode('sender-deferred', {
      title: 'Sender deferred',
      meaning: 'The mail server does not accept email from this sender for now.',
      remedy: again,
    }),
    refused: defineCode('sender-refused', {
      title: 'Sender refused',
      meaning: 'The mail server does not allow this account to send from this address.',
      remedy: 'Check that the account may send from this address.',
    }),
  },
  'RCPT TO': {
    subject: 'every recipient',
    deferred: defineCode('recipients-deferred', {
      title: 'Recipients deferred',
      meaning: 'The mail server does not accept email to these recipients for now.',
      remedy: again,
    }),
    refused: defineCode('recipients-refused', {
      title: 'Recipients refused',
      meaning: 'The mail server refused every recipient; `refused` says what it said about each.',
      remedy: 'Check the addresses of the recipients.',
    }),
  },
}
const EMAIL: Subject = {
  subject: 'the email',
  deferred: defineCode('email-deferred', {
    title: 'Email deferred',
    meaning: 'The mail server does not accept the email for now.',
    remedy: again,
  }),
  refused: defineCode('email-refused', {
    title: 'Email refused',
    meaning: 'The mail server refused the email for good; `reason` is what it said.',
    remedy: 'Read what the server said, change the email and send it again.',
  }),
}

/**
 * What the server's no means. The class of the reply decides (RFC 5321 4.2.1): 4yz is for now, 5yz for good. Anything
 * else does not answer what was asked.
 */
export const refusedOutcome = (
  error: unknown,
  login: ServerLogin,
  recipients: readonly string[],
): SendOutcome => {
  const code = replyCode(error)
  if (code < 400 || code > 599) return deferred(unavailable('protocol-error'))
  const reply = textOf(error, 'response')
  // Many servers object to the greeting only at the first recipient.
  if (/\b(?:HELO|EHLO)\b/i.test(reply)) return deferred(unavailable('ehlo-name-refused'))
  const about = SUBJECTS[textOf(error, 'command')] ?? EMAIL
  const enhanced = enhancedCode(reply)
  const said = [code, enhanced, wordsOf(reply, login)]
    .filter((each) => each !== null && each !== '')
    .join(' ')
  // If the server refused recipients one by one, each has its own answer; otherwise all share this one.
  const rejected: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'rejectedErrors') : null
  const each = Array.isArray(rejected)
    ? refusedAndPutOff(rejected, login)
    : refusedAndPutOff(
        recipients.map((recipient) => ({ recipient, responseCode: code, response: reply })),
        login,
      )
  if (each.putOff.length > 0) {
    const message = `The mail server deferred ${about.subject}: ${said}`
    return deferred({ code: about.deferred.code, message }, each)
  }
  const detail = `The mail server refused ${about.subject}: ${said}`
  // RFC 3463: 5.3.4 message too big for system; 552 at MAIL FROM is the same by RFC 1870.
  const tooLarge = enhanced === '5.3.4' || (code === 552 && about !== SUBJECTS['RCPT TO'])
  return failed(tooLarge ? emailTooLarge : about.refused, { detail, refused: each.refused })
}
