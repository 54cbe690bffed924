import {
  replyTo,
  reportHeader,
  returned,
  REPORT,
  right,
  sentMail,
  multipart,
  textMail,
  type RefusalName,
  type Report,
} from './writing.ts'

/** Sendmail (sendmail/savemail.c): a list of addresses, a transcript, a status part; version 5 the transcript alone. */
const from = 'Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>'

const list = (to: string, refusal: RefusalName): string[] => [
  `<${to}>`,
  `    (reason: ${replyTo(refusal, to)})`,
]
const transcript = (to: string, refusal: RefusalName): string[] => [
  `... while talking to mx.${to.split('@')[1]}.:`,
  `>>> RCPT To:<${to}>`,
  `<<< ${replyTo(refusal, to)}`,
  `550 ${right(null, refusal).status ?? '5.1.1'} <${to}>... ${replyTo(refusal, to).replace(/^\d+ (?:[\d.]+ )?/, '')}`,
]

const whole = (n: number, ...failed: readonly (readonly [string, RefusalName])[]): Report => {
  const mail = sentMail('sendmail', n, ...failed.map(([to]) => to))
  return {
    name: `Sendmail ${failed.map(([, refusal]) => refusal).join(' and ')}`,
    raw: multipart(
      reportHeader(
        from,
        'Returned mail: see transcript for details',
        'Auto-Submitted: auto-generated (failure)',
      ),
      REPORT,
      [
        {
          text: [
            'The original message was received at Tue, 3 Mar 2026 09:00:00 GMT',
            'from crm.shop.example [192.0.2.10]',
            '',
            '   ----- The following addresses had permanent fatal errors -----',
            ...failed.flatMap(([to, refusal]) => list(to, refusal)),
            '',
            '   ----- Transcript of session follows -----',
            ...failed.flatMap(([to, refusal]) => transcript(to, refusal)),
          ],
        },
        {
          type: 'message/delivery-status',
          text: [
            'Reporting-MTA: dns; mx.example.net',
            'Arrival-Date: Tue, 3 Mar 2026 09:00:00 GMT',
            ...failed.flatMap(([to, refusal]) => [
              '',
              `Final-Recipient: RFC822; ${to}`,
              'Action: failed',
              `Status: ${right(null, refusal).status ?? '5.1.1'}`,
              `Remote-MTA: DNS; mx.${to.split('@')[1]}`,
              `Diagnostic-Code: SMTP; ${replyTo(refusal, to)}`,
            ]),
          ],
        },
        returned(mail, 'text/rfc822-headers'),
      ],
    ),
    recipients: failed.map(([to, refusal]) =>
      right(to, refusal, { status: right(null, refusal).status ?? '5.1.1' }),
    ),
    messageId: mail.messageId,
  }
}

const alone = (n: number, to: string, refusal: RefusalName): Report => {
  const mail = sentMail('sendmail', n, to)
  return {
    name: `Sendmail 5, ${refusal}`,
    raw: textMail(
      reportHeader(from, 'Returned mail: User unknown').with(
        0,
        'Return-Path: <MAILER-DAEMON@mx.example.net>',
      ),
      {
        text: [
          '   ----- Transcript of session follows -----',
          'While talking to mx.acme.example:',
          `>>> RCPT To:<${to}>`,
          `<<< ${replyTo(refusal, to)}`,
          `550 <${to}>... ${replyTo(refusal, to).replace(/^\d+ (?:[\d.]+ )?/, '')}`,
          '',
          '   ----- Unsent message follows -----',
          ...mail.header,
        ],
      },
    ),
    recipients: [right(to, refusal)],
    messageId: mail.messageId,
  }
}

const warning = (n: number, to: string): Report => {
  const mail = sentMail('sendmail', n, to)
  return {
    name: 'Sendmail that is still trying',
    raw: multipart(
      reportHeader(
        from,
        'Warning: could not send message for past 4 hours',
        'Auto-Submitted: auto-generated (warning-timeout)',
      ),
      REPORT,
      [
        {
          text: [
            '    **********************************************',
            '    **      THIS IS A WARNING MESSAGE ONLY      **',
            '    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **',
            '    **********************************************',
            '',
            '   ----- The following addresses had transient non-fatal errors -----',
            `<${to}>`,
            '',
            '   ----- Transcript of session follows -----',
            `<${to}>... Deferred: Connection timed out with mx.slow.example.`,
            'Will keep trying until message is 5 days old',
          ],
        },
        {
          type: 'message/delivery-status',
          text: [
            'Reporting-MTA: dns; mx.example.net',
            '',
            `Final-Recipient: RFC822; ${to}`,
            'Action: delayed',
            'Status: 4.4.1',
            'Will-Retry-Until: Sun, 8 Mar 2026 09:00:00 GMT',
          ],
        },
        returned(mail),
      ],
    ),
    recipients: [right(to, 'timeout', { action: 'delayed', status: '4.4.1' })],
    messageId: mail.messageId,
  }
}

/** Courier (courier/dsn.c): its dialogue is in the text, the status part has it in a field. */
const courierReport = (n: number, to: string, refusal: RefusalName, asText: boolean): Report => {
  const mail = sentMail('courier', n, to)
  const text = [
    'This is a delivery status notification from mx.example.net,',
    'running the Courier mail server, version 1.0.',
    '',
    'The original message was received on Tue, 03 Mar 2026 09:00:00 +0000',
    'from crm.shop.example (crm.shop.example [192.0.2.10])',
    '',
    '---------------------------------------------------------------------------',
    '',
    '                           UNDELIVERABLE MAIL',
    '',
    'Your message to the following recipients cannot be delivered:',
    '',
    `<${to}>:`,
    '    mx.acme.example [198.51.100.4]:',
    `    >>> RCPT TO:<${to}>`,
    `    <<< ${replyTo(refusal, to)}`,
    '',
    '---------------------------------------------------------------------------',
  ]
  return {
    name: `Courier ${asText ? 'as text' : 'in parts'}, ${refusal}`,
    raw: asText
      ? textMail(
          reportHeader(
            '"Courier mail server at mx.example.net" <@mx.example.net:postmaster@mx.example.net>',
            'NOTICE: mail delivery status.',
          ),
          { text: [...text, '', ...mail.header] },
        )
      : multipart(
          reportHeader(
            '"Courier mail server at mx.example.net" <postmaster@mx.example.net>',
            'NOTICE: mail delivery status.',
          ),
          REPORT,
          [
            { text },
            {
              type: 'message/delivery-status',
              text: [
                'Reporting-MTA: dns; mx.example.net',
                'Arrival-Date: Tue, 03 Mar 2026 09:00:00 +0000',
                '',
                `Final-Recipient: rfc822; ${to}`,
                'Action: failed',
                'Status: 5.0.0',
                `Diagnostic-Code: smtp; ${replyTo(refusal, to)}`,
              ],
            },
            returned(mail, 'text/rfc822-headers'),
          ],
        ),
    recipients: [right(to, refusal, asText ? {} : { status: right(null, refusal).status ?? '5.0.0' })],
    messageId: mail.messageId,
  }
}

export const sendmail: readonly Report[] = [
  whole(1, ['bob@acme.example', 'unknown']),
  whole(2, ['bob@acme.example', 'full'], ['eve@firm.example', 'unknown']),
  whole(3, ['bob@acme.example', 'spam']),
  whole(4, ['bob@acme.example', 'noHost']),
  whole(5, ['bob@acme.example', 'size']),
  whole(6, ['bob@acme.example', 'disabled'], ['eve@acme.example', 'dmarc'], ['tim@acme.example', 'blocked']),
  alone(7, 'bob@acme.example', 'noSuchUser'),
  alone(8, 'bob@acme.example', 'unknown'),
  warning(9, 'bob@slow.example'),
]

export const courier: readonly Report[] = [
  courierReport(1, 'bob@acme.example', 'unknown', true),
  courierReport(2, 'bob@acme.example', 'full', true),
  courierReport(3, 'bob@acme.example', 'spam', false),
  courierReport(4, 'bob@acme.example', 'noSuchUser', true),
  courierReport(5, 'bob@acme.example', 'disabled', false),
]
