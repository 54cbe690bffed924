import { machine, answered, text, type LookAlike } from './look-alike.ts'
import { reportHeader, returned, multipart, type Written } from './writing.ts'

export const status = (action: string, code: string): Written => ({
  type: 'message/delivery-status',
  text: [
    'Reporting-MTA: dns; mx.example.net',
    '',
    'Final-Recipient: rfc822; eve@firm.example',
    `Action: ${action}`,
    `Status: ${code}`,
  ],
})
const dsn = (name: string, action: string, code: string, subject: string): LookAlike => ({
  name,
  raw: multipart(
    reportHeader('MAILER-DAEMON@mx.example.net', subject),
    'multipart/report; report-type=delivery-status',
    [{ text: ['Your message was handled.'] }, status(action, code), returned(answered)],
  ),
})
const receipt = (name: string, disposition: string, subject: string): LookAlike => ({
  name,
  raw: multipart(
    machine('Eve Stone <eve@firm.example>', subject),
    'multipart/report; report-type=disposition-notification',
    [
      { text: ['Your message was displayed. This is no guarantee that it was read or understood.'] },
      {
        type: 'message/disposition-notification',
        text: [
          'Reporting-UA: mail.firm.example',
          'Final-Recipient: rfc822;eve@firm.example',
          `Original-Message-ID: <${answered.messageId}>`,
          `Disposition: ${disposition}`,
        ],
      },
    ],
  ),
})

/** Reports of something else than failure. */
export const otherReports: readonly LookAlike[] = [
  dsn('a success', 'delivered', '2.0.0', 'Successful Mail Delivery Report'),
  dsn('a success through an alias', 'expanded', '2.0.0', 'Delivery Status Notification'),
  dsn('handed on', 'relayed', '2.0.0', 'Delivery Status Notification (Relay)'),
  dsn('a delay', 'delayed', '4.4.1', 'Delayed Mail (still being retried)'),
  receipt('a read receipt', 'manual-action/MDN-sent-manually; displayed', 'Read: Offer'),
  receipt('a receipt of deletion', 'manual-action/MDN-sent-automatically; deleted', 'Not read: Offer'),
  receipt(
    'a receipt without a reader',
    'automatic-action/MDN-sent-automatically; dispatched',
    'Return Receipt',
  ),
  {
    name: 'a complaint (ARF)',
    raw: multipart(
      machine('staff@abuse.example', 'complaint about message from 192.0.2.10'),
      'multipart/report; report-type=feedback-report',
      [
        { text: ['This is an email abuse report.'] },
        {
          type: 'message/feedback-report',
          text: ['Feedback-Type: abuse', 'Version: 1', 'Original-Rcpt-To: eve@firm.example'],
        },
        returned(answered),
      ],
    ),
  },
  text(
    'Exim is still trying',
    reportHeader(
      'Mail Delivery System <Mailer-Daemon@mx.example.net>',
      'Warning: message 1abc delayed 24 hours',
    ),
    'A message that you sent has not yet been delivered to one or more of its',
    'recipients after more than 24 hours on the queue on mx.example.net.',
    '',
    '  eve@firm.example',
    '',
    'No action is required on your part.',
  ),
  text(
    'Sendmail is still trying',
    reportHeader('MAILER-DAEMON@mx.example.net', 'Warning: could not send message for past 4 hours'),
    '    **      THIS IS A WARNING MESSAGE ONLY      **',
    '    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **',
    '',
    '   ----- The following addresses had transient non-fatal errors -----',
    '<eve@firm.example>',
  ),
]
