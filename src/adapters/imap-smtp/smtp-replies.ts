import type { MailUnavailable, RefusedRecipient, SendOutcome } from '../../commands/ports/mail-provider.ts'
import { textOf } from '../network/problems.ts'
import type { ServerLogin } from './connection.ts'
import { codeOf, unavailable } from './problems.ts'

const MAX_WORDS = 300

type Failed = Extract<SendOutcome, { kind: 'failed' }>

/** Known not to be sent, for good; `remedy` says what a person can do about it. */
export const failed = (
  code: string,
  reason: string,
  remedy: string,
  refused: readonly RefusedRecipient[] = [],
): Failed => ({ kind: 'failed', code, reason, remedy, refused: [...refused] })

/** Known not to be sent, for now. */
export const deferred = ({ code, message, until }: MailUnavailable): SendOutcome => ({
  kind: 'deferred',
  code,
  reason: message,
  ...(until === null ? {} : { until }),
})

/** A fault of the connection while nothing can have been sent. */
export const deferredBy = (error: unknown): SendOutcome =>
  deferred(unavailable(codeOf(error) ?? 'protocol-error'))

/** The reply code that an error of the library carries, 0 where the server said nothing. */
export const replyCode = (error: unknown): number => {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'responseCode') : 0
  return typeof code === 'number' ? code : 0
}

/** A server's own words about a message or a recipient: kept, since they are evidence, but short and without secrets. */
const wordsOf = (reply: string, { username, password }: ServerLogin): string => {
  const secret = password.reveal()
  const encoded = [`\0${username}\0${secret}`, secret].map((text) => Buffer.from(text).toString('base64'))
  const words = reply
    .split(/\r?\n/)
    .map((line) => line.replace(/^\d{3}[ -]?(?:[245]\.\d{1,3}\.\d{1,3}\b)?/, ''))
    .join(' ')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return [secret, ...encoded]
    .reduce((text, each) => text.replaceAll(each, '[secret]'), words)
    .slice(0, MAX_WORDS)
}

const enhancedCode = (reply: string): string | null =>
  /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(reply)?.[1] ?? null

/** Recipients that the server refused one by one (RFC 5321 3.3). */
export const refusals = (errors: readonly unknown[], login: ServerLogin): RefusedRecipient[] =>
  errors.map((error) => {
    const reply = textOf(error, 'response')
    return {
      address: textOf(error, 'recipient'),
      code: replyCode(error) || null,
      enhancedCode: enhancedCode(reply),
      reason: wordsOf(reply, login),
    }
  })

const SUBJECTS: Record<string, readonly [code: string, subject: string, remedy: string]> = {
  'MAIL FROM': ['sender', 'the sender', 'Check that this account may send from this address.'],
  'RCPT TO': ['recipients', 'every recipient', 'Check the addresses of the recipients.'],
}
const MESSAGE = [
  'message',
  'the message',
  'Read what the server says, change the message and send it again.',
] as const

/**
 * What the server's no means. The class of the reply decides (RFC 5321 4.2.1): 4yz is for now, 5yz for good.
 * Everything else is no answer to what was asked.
 */
export const refusedOutcome = (error: unknown, login: ServerLogin): SendOutcome => {
  const code = replyCode(error)
  if (code < 400 || code > 599) return deferred(unavailable('protocol-error'))
  const reply = textOf(error, 'response')
  const [name, subject, remedy] = SUBJECTS[textOf(error, 'command')] ?? MESSAGE
  const enhanced = enhancedCode(reply)
  const said = [code, enhanced, wordsOf(reply, login)]
    .filter((each) => each !== null && each !== '')
    .join(' ')
  if (code < 500) {
    return {
      kind: 'deferred',
      code: `${name}-deferred`,
      reason: `The mail server put off ${subject}: ${said}`,
    }
  }
  const reason = `The mail server refused ${subject}: ${said}`
  // RFC 3463: 5.3.4 message too big for system; 552 at MAIL FROM is the same by RFC 1870.
  if (enhanced === '5.3.4' || (code === 552 && name !== 'recipients')) {
    return failed('message-too-large', reason, 'Send it with fewer or smaller attachments.')
  }
  const each: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'rejectedErrors') : null
  return failed(`${name}-refused`, reason, remedy, Array.isArray(each) ? refusals(each, login) : [])
}
