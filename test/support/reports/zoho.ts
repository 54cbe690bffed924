import { replyTo, right, sentMail, multipart, type RefusalName, type Report } from './writing.ts'

/** Zoho (zoho.com/mail/help, "Undelivered mail"): each recipient in a line with ERROR_CODE, the header pasted below. */
const zohoReport = (n: number, failed: readonly (readonly [string, RefusalName])[]): Report => {
  const mail = sentMail('zoho', n, ...failed.map(([to]) => to))
  return {
    name: `Zoho ${failed.map(([, refusal]) => refusal).join(' and ')}`,
    raw: multipart(
      [
        'From: mailer-daemon@mail.zoho.example',
        'To: ana@shop.example',
        'Subject: Undelivered Mail Returned to Sender',
        'Message-ID: <1@zoho.example>',
        'X-Mailer: Zoho Mail',
      ],
      'multipart/mixed',
      [
        {
          charset: 'UTF-8',
          encoding: n % 2 === 0 ? 'quoted-printable' : '7bit',
          text: [
            'This message was created automatically by mail delivery software.',
            'A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.',
            '',
            ...failed.map(([to, refusal]) => {
              const [code, ...words] = replyTo(refusal, to).split(' ')
              return `${to} Invalid Address, ERROR_CODE :${code}, ERROR_CODE :${words.join(' ')}`
            }),
            '',
            ...mail.header.map((line) => line.replace(/^([\w-]+): /, '$1:')),
          ],
        },
      ],
    ),
    recipients: failed.map(([to, refusal]) => right(to, refusal)),
    messageId: mail.messageId,
  }
}

export const zoho: readonly Report[] = [
  zohoReport(1, [['bob@acme.example', 'unknown']]),
  zohoReport(2, [['bob@acme.example', 'full']]),
  zohoReport(3, [
    ['bob@acme.example', 'disabled'],
    ['eve@firm.example', 'full'],
  ]),
  zohoReport(4, [['bob@acme.example', 'spam']]),
]
