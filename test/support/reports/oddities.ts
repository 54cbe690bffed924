import {
  reportHeader,
  returned,
  REPORT,
  right,
  sentMail,
  multipart,
  textMail,
  type Report,
  type Written,
} from './writing.ts'

// Status parts (RFC 3464) as systems write them that do not keep to it, and reports whose parts were damaged on the way.

const header = reportHeader(
  'Mail Delivery System <MAILER-DAEMON@mx.example.net>',
  'Undelivered Mail Returned to Sender',
)
const TEXT: Written = { text: ['Your message could not be delivered.'] }
const REPORTING = ['Reporting-MTA: dns; mx.example.net', '']

let count = 0
const odd = (
  name: string,
  fields: readonly string[],
  recipients: Report['recipients'],
  part: Partial<Written> = {},
  type = REPORT,
): Report => {
  count += 1
  const mail = sentMail('oddities', count, 'bob@acme.example')
  return {
    name: `status part: ${name}`,
    raw: multipart(header, type, [
      TEXT,
      { type: 'message/delivery-status', text: fields, ...part },
      returned(mail),
    ]),
    recipients,
    messageId: mail.messageId,
  }
}

const unknown = right('bob@acme.example', 'unknown')
const SAID = 'Diagnostic-Code: smtp; 550 5.1.1 User unknown'

const damaged = (name: string, raw: (mail: ReturnType<typeof sentMail>) => readonly string[]): Report => {
  count += 1
  const mail = sentMail('oddities', count, 'bob@acme.example')
  return {
    name: `damaged: ${name}`,
    raw: Buffer.from(raw(mail).join('\r\n')),
    recipients: [unknown],
    messageId: mail.messageId,
  }
}
const STATUS = [
  ...REPORTING,
  'Final-Recipient: rfc822; bob@acme.example',
  'Action: failed',
  'Status: 5.1.1',
  SAID,
  '',
]

export const oddities: readonly Report[] = [
  odd(
    'no Final-Recipient',
    [...REPORTING, 'Original-Recipient: rfc822;bob@acme.example', 'Action: failed', 'Status: 5.1.1', SAID],
    [unknown],
  ),
  odd(
    'X-Actual-Recipient',
    [
      ...REPORTING,
      'Final-Recipient: RFC822; bob@mail.acme.example',
      'X-Actual-Recipient: RFC822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
      SAID,
    ],
    [{ ...unknown, address: 'bob@mail.acme.example' }],
  ),
  odd(
    'the original address and where it led',
    [
      ...REPORTING,
      'Original-Recipient: rfc822;bob@acme.example',
      'Final-Recipient: rfc822;robert@other.example',
      'Action: failed',
      'Status: 5.1.1',
      SAID,
    ],
    [unknown],
  ),
  odd(
    'no empty line between recipients',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
      'Final-Recipient: rfc822; eve@firm.example',
      'Action: failed',
      'Status: 5.2.2',
      'Diagnostic-Code: smtp; 552 5.2.2 Mailbox full',
    ],
    [unknown, right('eve@firm.example', 'full')],
  ),
  odd(
    'an empty line too many',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example', '', 'Action: failed', 'Status: 5.1.1'],
    [unknown],
  ),
  odd(
    'no empty line behind the first block',
    [
      'Reporting-MTA: dns; mx.example.net',
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
    ],
    [unknown],
  ),
  odd(
    'fields glued into one line',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example Action: failed Status: 5.1.1'],
    [unknown],
  ),
  odd(
    'Action before the recipient',
    [...REPORTING, 'Action: failed', 'Status: 5.1.1', 'Final-Recipient: rfc822; bob@acme.example'],
    [unknown],
  ),
  odd(
    'no Action',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example', 'Status: 5.1.1', SAID],
    [unknown],
  ),
  odd(
    'an Action of its own',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example', 'Action: fail', 'Status: 5.1.1'],
    [unknown],
  ),
  odd(
    'a comment behind Action',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed (bad address)',
      'Status: 5.1.1 (unknown)',
    ],
    [unknown],
  ),
  odd(
    'no address type',
    [...REPORTING, 'Final-Recipient: bob@acme.example', 'Action: failed', 'Status: 5.1.1'],
    [unknown],
  ),
  odd(
    'angle brackets',
    [...REPORTING, 'Final-Recipient: rfc822; <bob@acme.example>', 'Action: failed', 'Status: 5.1.1'],
    [unknown],
  ),
  odd(
    'names in capitals',
    [...REPORTING, 'FINAL-RECIPIENT: RFC822; bob@acme.example', 'ACTION: FAILED', 'STATUS: 5.1.1'],
    [unknown],
  ),
  odd(
    'the better status in the words',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example', 'Action: failed', 'Status: 5.0.0', SAID],
    [unknown],
  ),
  odd(
    'the status in the words alone',
    [...REPORTING, 'Final-Recipient: rfc822; bob@acme.example', 'Action: failed', SAID],
    [unknown],
  ),
  odd(
    'words folded without a space',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.0.0',
      'Diagnostic-Code: smtp; 550-5.1.1 The account that you tried',
      '550-5.1.1 to reach does not exist,',
      '550 5.1.1 user unknown',
    ],
    [unknown],
  ),
  odd(
    'a version that looks like a status',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
      'Diagnostic-Code: smtp; 550 No such user here (server 4.7.28.1 at 192.5.2.2)',
    ],
    [unknown],
  ),
  odd(
    'one failed, one delivered',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
      '',
      'Final-Recipient: rfc822; eve@firm.example',
      'Action: delivered',
      'Status: 2.0.0',
    ],
    [unknown],
  ),
  odd('in base64', STATUS, [unknown], { encoding: 'base64' }),
  odd('in quoted-printable', STATUS, [unknown], { encoding: 'quoted-printable' }),
  odd(
    'words in 8 bit',
    [
      ...REPORTING,
      'Final-Recipient: rfc822; bob@acme.example',
      'Action: failed',
      'Status: 5.1.1',
      'Diagnostic-Code: smtp; 550 5.1.1 Empfänger unbekannt',
    ],
    [unknown],
    { encoding: '8bit', charset: 'iso-8859-1' },
  ),
  odd('inside multipart/mixed', STATUS, [unknown], {}, 'multipart/mixed'),
  odd(
    'xtext left as it was',
    [
      ...REPORTING,
      'Original-Recipient: rfc822;bob@acme.example',
      'Final-Recipient: rfc822;bob+2Bx@acme.example',
      'Action: failed',
      'Status: 5.1.1',
    ],
    [unknown],
  ),
  damaged('another boundary than the header names', (mail) => [
    ...header,
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="one"',
    '',
    '--two',
    'Content-Type: text/plain',
    '',
    'Your message could not be delivered.',
    '',
    '--two',
    'Content-Type: message/delivery-status',
    '',
    ...STATUS,
    '--two',
    'Content-Type: message/rfc822',
    '',
    ...mail.header,
    '',
    '--two--',
  ]),
  damaged('no parts at all', (mail) => [
    ...header,
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="one"',
    '',
    'Your message could not be delivered.',
    '',
    ...STATUS,
    ...mail.header,
    '',
  ]),
  damaged('the last part behind another boundary', (mail) => [
    ...header,
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="one"',
    '',
    '--one',
    'Content-Type: text/plain',
    '',
    'Your message could not be delivered.',
    '',
    '--one',
    'Content-Type: message/delivery-status',
    '',
    ...STATUS,
    '--other',
    'Content-Type: text/rfc822-headers',
    '',
    ...mail.header,
    '',
    '--other--',
  ]),
  damaged('made into text', (mail) => [
    ...header,
    '',
    'Your message could not be delivered.',
    '',
    ...STATUS,
    ...mail.header,
    '',
  ]),
  damaged('passed on by a filter', (mail) => [
    ...reportHeader('postmaster@filter.example', 'Returned mail'),
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="out"',
    '',
    '--out',
    'Content-Type: text/plain',
    '',
    'A report for you is attached.',
    '',
    '--out',
    'Content-Type: message/rfc822',
    '',
    ...header,
    'Content-Type: multipart/report; report-type=delivery-status; boundary="in"',
    '',
    '--in',
    'Content-Type: text/plain',
    '',
    'Your message could not be delivered.',
    '',
    '--in',
    'Content-Type: message/delivery-status',
    '',
    ...STATUS,
    '--in',
    'Content-Type: message/rfc822',
    '',
    ...mail.header,
    '',
    '--in--',
    '--out--',
  ]),
  {
    name: 'only that it failed',
    raw: textMail(
      [
        ...reportHeader(
          'Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>',
          'Returned mail: see transcript for details',
        ),
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"',
      ],
      { text: ['<<< No Message Collected >>>'] },
    ),
    recipients: [{ address: null, action: 'failed', status: null, kind: 'other', hard: false }],
    messageId: null,
  },
]
