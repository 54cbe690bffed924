import type { FailureKind } from '../../../src/domain/sending/classify-failure.ts'

/** What is right of one recipient of a report. */
export type RightRecipient = {
  readonly address: string | null
  readonly action: 'failed' | 'delayed'
  readonly status: string | null
  readonly kind: FailureKind
  readonly hard: boolean
}

/** A report as a server writes it, and what is to be read in it. `messageId` is null where nothing of the mail is quoted. */
export type Report = {
  readonly name: string
  readonly raw: Buffer
  readonly recipients: readonly RightRecipient[]
  readonly messageId: string | null
}

/** A mail that we sent, to be returned. */
export type SentMail = {
  readonly messageId: string
  readonly to: readonly string[]
  readonly header: readonly string[]
}

const pad = (n: number): string => String(n).padStart(4, '0')

/** The nth mail of a server's file, from Ana at shop.example. */
export const sentMail = (server: string, n: number, ...to: readonly string[]): SentMail => {
  const messageId = `out_${server.replaceAll(/[^a-hjkmnp-tv-z]/g, '0').slice(0, 8)}${pad(n)}@shop.example`
  return {
    messageId,
    to,
    header: [
      'Received: from crm.shop.example (crm.shop.example [192.0.2.10])',
      `\tby relay.shop.example (relay) with ESMTPS id Q${pad(n)};`,
      '\tTue, 3 Mar 2026 09:00:00 +0000',
      'From: Ana Ruiz <ana@shop.example>',
      `To: ${to.join(', ')}`,
      `Subject: Offer ${n}`,
      `Message-ID: <${messageId}>`,
      'X-Mailtrail-Id: out_0123456789abcdefghjkmnpqrs',
      'Date: Tue, 3 Mar 2026 09:00:00 +0000',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
    ],
  }
}

/** What a server may answer, and of what kind that is. `reply` has `{to}` where the recipient stands. */
type Refusal = {
  readonly reply: string
  readonly status: string | null
  readonly kind: FailureKind
  readonly hard: boolean
}

const refusal = (reply: string, status: string | null, kind: FailureKind, hard = false): Refusal => ({
  reply,
  status,
  kind,
  hard,
})

const REFUSALS = {
  unknown: refusal(
    '550 5.1.1 <{to}>: Recipient address rejected: User unknown',
    '5.1.1',
    'no-such-mailbox',
    true,
  ),
  noSuchUser: refusal('550 No such user here', null, 'no-such-mailbox', true),
  notExist: refusal('554 5.1.1 The mailbox {to} does not exist', '5.1.1', 'no-such-mailbox', true),
  noMailbox: refusal('550 sorry, no mailbox here by that name. (#5.1.1)', '5.1.1', 'no-such-mailbox', true),
  disabled: refusal(
    '550 5.2.1 <{to}>: mailbox disabled, not accepting messages',
    '5.2.1',
    'no-such-mailbox',
    true,
  ),
  full: refusal('552 5.2.2 <{to}>: Mailbox full', '5.2.2', 'full'),
  quota: refusal('550 Mailbox quota exceeded', null, 'full'),
  fullForNow: refusal('452 4.2.2 The email account that you tried to reach is over quota', '4.2.2', 'full'),
  size: refusal('552 5.3.4 Message size exceeds fixed maximum message size', '5.3.4', 'size'),
  tooLarge: refusal('523 the message is too large for this mailbox', null, 'size'),
  spam: refusal('554 5.7.1 Message rejected: it looks like spam', '5.7.1', 'policy'),
  blocked: refusal(
    '550 5.7.1 Service unavailable; client [192.0.2.10] blocked using bl.example',
    '5.7.1',
    'policy',
  ),
  relay: refusal('554 <{to}>: Relay access denied', null, 'policy'),
  greylisted: refusal('450 4.7.1 <{to}>: Greylisted, try again in 300 seconds', '4.7.1', 'policy'),
  rate: refusal('421 4.7.28 Too many messages from your address, rate limited', '4.7.28', 'policy'),
  dmarc: refusal(
    '550 5.7.26 Unauthenticated mail from shop.example is refused by its DMARC policy',
    '5.7.26',
    'authentication',
  ),
  spf: refusal('550 5.7.23 SPF validation failed', '5.7.23', 'authentication'),
  noHost: refusal('550 5.1.2 Host unknown', '5.1.2', 'no-such-mailbox', true),
  timeout: refusal('421 4.4.2 Connection timed out', '4.4.2', 'expired'),
} as const satisfies Record<string, Refusal>

export type RefusalName = keyof typeof REFUSALS

export const replyTo = (name: RefusalName, to: string): string => REFUSALS[name].reply.replaceAll('{to}', to)

/** What is right of this recipient where the server's answer is told in full. */
export const right = (
  address: string | null,
  name: RefusalName,
  other: Partial<RightRecipient> = {},
): RightRecipient => {
  const { status, kind, hard } = REFUSALS[name]
  return { address, action: 'failed', status, kind, hard, ...other }
}

// ---------------------------------------------------------------- writing mail

type Encoding = '7bit' | '8bit' | 'quoted-printable' | 'base64'

const quotedPrintable = (bytes: Buffer): string =>
  Array.from(bytes.toString('latin1').split('\r\n'), (line) =>
    line
      .replaceAll(
        /[^\t\x20-\x3c\x3e-\x7e]/g,
        (byte) => `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      )
      .replaceAll(/.{60}(?=.)(?!.?[0-9A-F]?=)/g, '$&=\r\n'),
  ).join('\r\n')

const encoded = (text: string, encoding: Encoding, charset: string): Buffer => {
  const bytes = Buffer.from(
    text.replaceAll(/\r?\n/g, '\r\n'),
    /8859-1|1252/.test(charset) ? 'latin1' : 'utf8',
  )
  if (encoding === 'base64') return Buffer.from(bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n'))
  return encoding === 'quoted-printable' ? Buffer.from(quotedPrintable(bytes), 'latin1') : bytes
}

export type Written = {
  readonly type?: string
  readonly charset?: string
  readonly encoding?: Encoding
  readonly text: readonly string[]
}

const typeOf = ({ type = 'text/plain', charset }: Written): string =>
  charset === undefined ? type : `${type}; charset="${charset}"`

const partLines = (part: Written): Buffer =>
  Buffer.concat([
    Buffer.from(
      `Content-Type: ${typeOf(part)}\r\nContent-Transfer-Encoding: ${part.encoding ?? '7bit'}\r\n\r\n`,
    ),
    encoded(part.text.join('\n'), part.encoding ?? '7bit', part.charset ?? 'utf-8'),
  ])

const headed = (header: readonly string[]): Buffer => Buffer.from(`${header.join('\r\n')}\r\n`)

/** A mail of one part. */
export const textMail = (header: readonly string[], part: Written): Buffer =>
  Buffer.concat([headed(header), partLines(part), Buffer.from('\r\n')])

/** A mail of several parts, `type` such as `multipart/report; report-type=delivery-status`. */
export const multipart = (header: readonly string[], type: string, parts: readonly Written[]): Buffer => {
  const boundary = 'b_17/mx.example.net'
  return Buffer.concat([
    headed([...header, 'MIME-Version: 1.0', `Content-Type: ${type};\r\n\tboundary="${boundary}"`]),
    Buffer.from('\r\nThis is a MIME-encapsulated message.\r\n'),
    ...parts.flatMap((part) => [Buffer.from(`\r\n--${boundary}\r\n`), partLines(part)]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
}

/** The mail as an enclosed part. */
export const returned = (mail: SentMail, type = 'message/rfc822'): Written => ({
  type,
  text: type === 'message/rfc822' ? [...mail.header, '', 'Good morning,'] : [...mail.header, ''],
})

export const REPORT = 'multipart/report; report-type=delivery-status'

/** The header of a report, as most servers write it. */
export const reportHeader = (from: string, subject: string, ...more: readonly string[]): string[] => [
  'Return-Path: <>',
  `From: ${from}`,
  'To: ana@shop.example',
  `Subject: ${subject}`,
  'Date: Tue, 3 Mar 2026 09:05:00 +0000',
  'Message-ID: <report.1@mx.example.net>',
  ...more,
]
