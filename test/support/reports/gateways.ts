import { shortNotice, bob, is, inWords } from './short-notice.ts'
import {
  replyTo,
  reportHeader,
  right,
  sentMail,
  textMail,
  type RefusalName,
  type Report,
  type RightRecipient,
} from './writing.ts'

/** Barracuda's gateway, flattened by a mail program. */
const barracuda = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'Barracuda',
    from: 'MAILER-DAEMON@barracuda.example',
    subject: '**Message you sent blocked by our bulk email filter**',
    to: bob,
    expected: is(refusal),
    words: [
      `Your message to: ${bob}`,
      'was blocked by our Spam Firewall. The email you sent with the following subject has NOT BEEN DELIVERED:',
      '',
      'Subject: Offer',
      '',
      `Reported error: ${replyTo(refusal, bob)}`,
    ],
    returns: 'part',
  })

/** Mimecast: "Email Delivery Failure". */
const mimecast = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'Mimecast',
    from: 'Postmaster <postmaster@mimecast.example>',
    subject: '[Postmaster] Email Delivery Failure',
    to: bob,
    expected: is(refusal),
    words: [
      'This is a delivery failure notification message.',
      '',
      'The email you sent was not delivered to the following recipient:',
      '',
      bob,
      '',
      'Failed Delivery Reason:',
      replyTo(refusal, bob),
    ],
    returns: 'part',
  })

/** Verizon's MMS gateway names a telephone number, and the mail in three lines. */
const verizon = (): Report => {
  const mail = sentMail('verizon', 1, '5550100@mms.example')
  return {
    name: 'Verizon MMS',
    raw: textMail(reportHeader('Post_Master <post_master@mms.example>', 'Undeliverable Message'), {
      text: [
        'Message could not be delivered to mobile.',
        'Error: No valid recipients for this MM',
        '',
        'Original Message:',
        'From: Ana Ruiz <ana@shop.example>',
        'To: 5550100@mms.example',
        'Subject: Offer',
        'Date: Tue, 3 Mar 2026 09:00:00 +0000',
        `Message-ID: <${mail.messageId}>`,
      ],
    }),
    recipients: [right('5550100@mms.example', 'noSuchUser')],
    messageId: mail.messageId,
  }
}

/** AOL's old notice names screen names, nobody's address: that it failed is all that is certain. */
const aol = (): Report => ({
  name: 'AOL without an address',
  raw: textMail(
    reportHeader('Mail Delivery Subsystem <MAILER-DAEMON@aol.example>', 'Mail Delivery Problem'),
    {
      text: [
        'Your mail to the following recipients could not be delivered because they are not accepting mail from you:',
        '\tscreenname',
      ],
    },
  ),
  recipients: [{ address: null, action: 'failed', status: null, kind: 'policy', hard: false }],
  messageId: null,
})

/** KDDI (au), EZweb and docomo: the reason in English under one in Japanese. */
const japanese = (server: string, words: readonly string[], expected: RightRecipient): Report =>
  shortNotice({
    server,
    from: 'Postmaster@keitai.example',
    subject: 'Mail System Error - Returned Mail',
    to: bob,
    expected,
    words: ['次のあて先へのメッセージはエラーのため送信できませんでした。', '', ...words],
    returns: 'part',
  })
const ezWeb = (refusal: RefusalName): Report =>
  japanese(
    'EZweb',
    [
      'Each of the following recipients was rejected by a remote mail server.',
      '',
      `    Recipient: <${bob}>`,
      `    >>> RCPT TO:<${bob}>`,
      `    <<< ${replyTo(refusal, bob)}`,
    ],
    is(refusal),
  )

/** m-FILTER of Digital Arts. */
const mFilter = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'm-FILTER',
    from: 'POSTMASTER <postmaster@acme.example>',
    subject: 'failure notice',
    to: bob,
    expected: is(refusal),
    words: [
      'このメールは「m-FILTER」が自動的に生成して送信しています。',
      '以下のメールアドレスへの送信に失敗しました。',
      '',
      bob,
      '',
      '-------server message',
      replyTo(refusal, bob),
      '',
      '-------SMTP command',
      'RCPT TO',
    ],
    divider: '-------original message',
    returns: 'below',
  })

/** GMX, WEB.DE and 1&1. */
const gmx = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'GMX',
    from: '"GMX Mailer Daemon" <mailer-daemon@gmx.example>',
    subject: 'Mail delivery failed: returning message to sender',
    to: bob,
    expected: is(refusal),
    words: [
      'This message was created automatically by mail delivery software.',
      '',
      'A message that you sent could not be delivered to one or more of',
      'its recipients. This is a permanent error. The following address',
      'failed:',
      '',
      `"${bob}":`,
      'SMTP error from remote server after RCPT command:',
      'host: mx.acme.example',
      replyTo(refusal, bob),
    ],
    divider: '--- The header of the original message is following. ---',
    returns: 'below',
  })

/** McAfee, MX Logic, PowerMTA's plain notices, and Sun's Messaging Server. */
const mxLogic = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'MX Logic',
    from: 'Mail Delivery System <MAILER-DAEMON@relay.example>',
    subject: 'Mail delivery failed',
    to: bob,
    expected: is(refusal),
    words: [
      'This message was created automatically by mail delivery software.',
      '',
      'A message that you have sent could not be delivered to one or more',
      'recipients.  This is a permanent error.  The following address failed:',
      '',
      `  <${bob}>: ${replyTo(refusal, bob)}`,
      '',
      'Included is a copy of the message header:',
    ],
    divider: '-----------------------------------------',
    returns: 'below',
  })
const messagingServer = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'Messaging Server',
    from: 'Internet Mail Delivery <postmaster@acme.example>',
    subject: 'Delivery Notification: Delivery has failed',
    to: bob,
    expected,
    words: [
      'This report relates to a message you sent with the following header fields:',
      '',
      '  To: bob@acme.example',
      '  Subject: Offer',
      '',
      'Your message cannot be delivered to the following recipients:',
      '',
      `  Recipient address: ${bob}`,
      `  Reason: ${reason}`,
    ],
    returns: 'part',
  })

/** A gateway under a person's name, whose notice has no other sign than its title and the mail that it returns. */
const unsigned = (refusal: RefusalName): Report => {
  const mail = sentMail('unsigned', 1, bob)
  return {
    name: `an unsigned gateway (${refusal})`,
    raw: textMail(
      [
        'Return-Path: <relay@acme.example>',
        'From: Acme Relay <relay@acme.example>',
        'To: Ana Ruiz <ana@shop.example>',
        'Subject: Returned Mail - Error During Delivery',
        'Message-ID: <9@acme.example>',
      ],
      {
        text: [
          '------ Failed Recipients ------',
          `<${bob}>: ${replyTo(refusal, bob)}`,
          '',
          '-------- Returned Mail --------',
          ...mail.header,
        ],
      },
    ),
    recipients: [is(refusal)],
    messageId: mail.messageId,
  }
}

/** Filters, MMS gateways and providers with a notice of their own, each after what their administrators publish. */
export const gateways: readonly Report[] = [
  barracuda('spam'),
  barracuda('blocked'),
  mimecast('unknown'),
  mimecast('full'),
  mimecast('dmarc'),
  verizon(),
  aol(),
  japanese(
    'KDDI',
    [
      'Your mail sent on: Tue, 3 Mar 2026 09:00:00 +0900',
      `     Could not be delivered to: <${bob}>`,
      '     As their mailbox is full.',
    ],
    inWords('quota'),
  ),
  japanese(
    'docomo',
    [`The user(s) account is temporarily over quota.`, '', `     <${bob}>`],
    inWords('quota'),
  ),
  ezWeb('noSuchUser'),
  ezWeb('unknown'),
  mFilter('unknown'),
  mFilter('noSuchUser'),
  gmx('unknown'),
  gmx('full'),
  mxLogic('unknown'),
  mxLogic('spam'),
  messagingServer('Illegal host/domain name found', inWords('noHost')),
  unsigned('unknown'),
  unsigned('full'),
  messagingServer('Over quota', inWords('quota')),
]
