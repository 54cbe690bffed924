import {
  replyTo,
  reportHeader,
  returned,
  right,
  sentMail,
  multipart,
  textMail,
  type RefusalName,
  type Report,
} from './writing.ts'

/** Amazon: SES in parts with its own words, WorkMail with the fields in its text, SES through a subscription in JSON. */
const workMail = (n: number, to: string, refusal: RefusalName): Report => {
  const mail = sentMail('workmail', n, to)
  return {
    name: `Amazon WorkMail ${refusal}`,
    raw: multipart(
      reportHeader(
        'MAILER-DAEMON@eu-west-1.amazonses.example',
        '=?iso-8859-15?Q?Delivery_Status_Notification_=28Failure=29?=',
      ),
      'multipart/mixed',
      [
        {
          charset: 'iso-8859-15',
          encoding: 'quoted-printable',
          text: [
            'An error occurred while trying to deliver the mail to the following recipients:',
            to,
            '',
            'Technical report:',
            '',
            'Reporting-MTA: dsn; a1-1.smtp-out.eu-west-1.amazonses.example',
            '',
            'Action: failed',
            `Final-Recipient: rfc822; ${to}`,
            `Diagnostic-Code: smtp; ${replyTo(refusal, to)}`,
            `Status: ${right(null, refusal).status ?? '5.0.0'}`,
            '',
          ],
        },
        returned(mail),
      ],
    ),
    recipients: [right(to, refusal, { status: right(null, refusal).status ?? '5.0.0' })],
    messageId: mail.messageId,
  }
}
const notification = (n: number, to: string, refusal: RefusalName): Report => ({
  name: `Amazon SES in JSON, ${refusal}`,
  raw: textMail(
    [
      'Return-Path: <0102@eu-west-1.amazonses.example>',
      'From: Bounces <no-reply@sns.amazonaws.com>',
      'To: ana@shop.example',
      'Subject: AWS Notification Message',
      'Message-ID: <0102@eu-west-1.amazonses.example>',
    ],
    {
      charset: 'UTF-8',
      text: [
        JSON.stringify({
          notificationType: 'Bounce',
          bounce: {
            bounceType: 'Permanent',
            bouncedRecipients: [
              {
                emailAddress: to,
                action: 'failed',
                status: right(null, refusal).status,
                diagnosticCode: `smtp; ${replyTo(refusal, to)}`,
              },
            ],
          },
          mail: {
            messageId: `000000-${n}`,
            destination: [to],
            commonHeaders: { messageId: `<out_ses0000${n}@shop.example>` },
          },
        }),
        '',
        '--',
        'If you wish to stop receiving notifications from this topic, please visit the link below to unsubscribe:',
      ],
    },
  ),
  recipients: [right(to, refusal)],
  messageId: `out_ses0000${n}@shop.example`,
})

export const amazon: readonly Report[] = [
  workMail(1, 'bob@acme.example', 'unknown'),
  workMail(2, 'bob@acme.example', 'full'),
  workMail(3, 'bob@acme.example', 'spam'),
  workMail(4, 'bob@acme.example', 'noSuchUser'),
  notification(5, 'bob@acme.example', 'unknown'),
  notification(6, 'bob@acme.example', 'dmarc'),
]
