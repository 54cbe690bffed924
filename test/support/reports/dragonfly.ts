import { replyTo, right, sentMail, textMail, type RefusalName, type Report } from './writing.ts'

/** DragonFly Mail Agent (dma, mail.c: bounce()), the mail transport of small machines. */
const dma = (
  n: number,
  to: string,
  refusal: RefusalName,
  said: readonly string[],
  other: Partial<Report['recipients'][number]> = {},
): Report => {
  const mail = sentMail('dragonfly', n, to)
  return {
    name: `DragonFly ${refusal}`,
    raw: textMail(
      [
        'From: MAILER-DAEMON <>',
        'To: ana@shop.example',
        'Subject: Mail delivery failed',
        'Message-Id: <1.2@mx.example.net>',
        'Date: Tue, 3 Mar 2026 09:05:00 +0000',
      ],
      {
        text: [
          'This is the DragonFly Mail Agent v0.13 at mx.example.net.',
          '',
          `There was an error delivering your mail to <${to}>.`,
          '',
          ...said,
          '',
          n % 2 === 0 ? 'Original message follows.' : 'Message headers follow.',
          '',
          ...mail.header,
        ],
      },
    ),
    recipients: [right(to, refusal, other)],
    messageId: mail.messageId,
  }
}
const disliked = (to: string, refusal: RefusalName, step = 'RCPT TO'): string[] => [
  `mx.acme.example [198.51.100.4] did not like our ${step}:`,
  replyTo(refusal, to),
]

export const dragonFly: readonly Report[] = [
  dma(1, 'bob@acme.example', 'unknown', disliked('bob@acme.example', 'unknown')),
  dma(2, 'bob@acme.example', 'full', disliked('bob@acme.example', 'full')),
  dma(3, 'bob@acme.example', 'size', disliked('bob@acme.example', 'size', 'MAIL FROM')),
  dma(4, 'bob@acme.example', 'dmarc', disliked('bob@acme.example', 'dmarc', 'final DATA')),
  dma(5, 'bob@acme.example', 'spam', disliked('bob@acme.example', 'spam', 'final DATA')),
  dma(6, 'bob@acme.example', 'noSuchUser', disliked('bob@acme.example', 'noSuchUser')),
  dma(
    7,
    'bob@slow.example',
    'timeout',
    ['Could not deliver message: no server could be reached, connection timed out. Giving up.'],
    { status: null },
  ),
  dma(8, 'bob@gone.example', 'noHost', ['DNS lookup failure: host gone.example not found'], { status: null }),
]
