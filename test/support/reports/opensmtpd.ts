import { replyTo, reportHeader, right, sentMail, textMail, type Report } from './writing.ts'

/** OpenSMTPD (smtpd/bounce.c). */
const openBsd = (
  n: number,
  failed: readonly (readonly [string, string, Report['recipients'][number]])[],
  warning = false,
): Report => {
  const mail = sentMail('opensmtpd', n, ...failed.map(([to]) => to))
  return {
    name: `OpenSMTPD ${failed.map(([, words]) => words).join(' and ')}`,
    raw: textMail(
      reportHeader(
        'Mailer Daemon <MAILER-DAEMON@mx.example.net>',
        `Delivery status notification: ${warning ? 'warning' : 'error'}`,
      ),
      {
        text: [
          '    Hi!',
          '',
          '    This is the MAILER-DAEMON, please DO NOT REPLY to this email.',
          '',
          ...(warning
            ? ['    A message is delayed for more than 4 hours for the following', '    list of recipients:']
            : [
                '    An error has occurred while attempting to deliver a message for',
                '    the following list of recipients:',
              ]),
          '',
          ...failed.map(([to, words]) => `${to}: ${words}`),
          '',
          ...(warning
            ? [
                '    Please note that this is only a temporary failure report.',
                '    You DO NOT NEED to re-send the message to these recipients.',
                '',
              ]
            : []),
          '    Below is a copy of the original message:',
          '',
          ...mail.header,
        ],
      },
    ),
    recipients: failed.map(([, , expected]) => expected),
    messageId: mail.messageId,
  }
}

export const openSmtpd: readonly Report[] = [
  openBsd(1, [
    ['bob@acme.example', replyTo('unknown', 'bob@acme.example'), right('bob@acme.example', 'unknown')],
  ]),
  openBsd(2, [['bob@acme.example', replyTo('full', 'bob@acme.example'), right('bob@acme.example', 'full')]]),
  openBsd(3, [
    ['bob@acme.example', replyTo('spam', ''), right('bob@acme.example', 'spam')],
    ['eve@firm.example', replyTo('noSuchUser', ''), right('eve@firm.example', 'noSuchUser')],
  ]),
  openBsd(4, [
    ['bob@slow.example', 'Envelope expired', right('bob@slow.example', 'timeout', { status: null })],
  ]),
  openBsd(5, [
    ['bob@gone.example', 'Domain does not exist', right('bob@gone.example', 'noHost', { status: null })],
  ]),
  openBsd(
    6,
    [
      [
        'bob@slow.example',
        'Network error on destination MXs',
        right('bob@slow.example', 'timeout', { status: null, action: 'delayed' }),
      ],
    ],
    true,
  ),
  openBsd(7, [['bob@loop.example', 'Loop detected', right('bob@loop.example', 'timeout', { status: null })]]),
]
