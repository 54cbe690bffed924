import { BOUNCE, person, text, type LookAlike } from './look-alike.ts'
import { multipart } from './writing.ts'
import { status } from './look-alikes-of-reports.ts'

const list = (subject: string, ...lines: readonly string[]): LookAlike =>
  text(
    `a list: ${subject}`,
    [
      'Return-Path: <list-bounces@lists.example>',
      'From: Tom Lee <tom@other.example>',
      'To: list@lists.example',
      `Subject: ${subject}`,
      'List-Id: <list.lists.example>',
      'List-Post: <mailto:list@lists.example>',
      'Precedence: list',
      'Message-ID: <5@other.example>',
    ],
    ...lines,
  )
const letter = (subject: string, ...lines: readonly string[]): LookAlike =>
  text(
    `a newsletter: ${subject}`,
    [
      'Return-Path: <bounce-17-ana=shop.example@news.example>',
      'From: Deliverability News <news@news.example>',
      'To: ana@shop.example',
      `Subject: ${subject}`,
      'List-Unsubscribe: <https://news.example/u/1>',
      'Precedence: bulk',
      'Message-ID: <6@news.example>',
    ],
    ...lines,
  )

/** Lists and newsletters about bounces. */
export const lists: readonly LookAlike[] = [
  list('[mail-admins] Undelivered Mail Returned to Sender', 'Does anybody know this one?', '', ...BOUNCE),
  list(
    'Mail delivery failed: returning message to sender',
    'This message was created automatically by mail delivery software.',
    'was what I got:',
    '',
    ...BOUNCE,
  ),
  list(
    'qmail bounces',
    'Hi. This is the qmail-send program at mx.example.net.',
    "I'm afraid I wasn't able to deliver your message to the following addresses.",
    '',
    '<bob@acme.example>:',
    'Sorry, no mailbox here by that name. (#5.1.1)',
    '',
    'How do I change that text?',
  ),
  list(
    '550 5.1.1 for one user only',
    '550 5.1.1 <bob@acme.example>: Recipient address rejected: User unknown',
  ),
  {
    name: 'a list passes on a status part',
    raw: multipart(
      [
        'Return-Path: <list-bounces@lists.example>',
        'From: Tom Lee <tom@other.example>',
        'To: list@lists.example',
        'Subject: Undelivered Mail',
        'List-Id: <list.lists.example>',
        'Message-ID: <7@other.example>',
      ],
      'multipart/mixed',
      [{ text: ['Look at this part:'] }, status('failed', '5.1.1')],
    ),
  },
  letter(
    'How to reduce your bounce rate',
    'A hard bounce such as 550 5.1.1 User unknown means that the mailbox does not exist.',
    'A soft bounce such as 552 5.2.2 Mailbox full may pass.',
  ),
  letter('Delivery failure? Ten tips', 'Undeliverable mail hurts. Write to tips@news.example for more.'),
  letter(
    'Returned mail: our spring sale',
    'Returned goods at half the price! Delivery to your address failed to excite you?',
  ),
  letter(
    'Your delivery could not be made',
    'Your parcel 4711 could not be delivered to Main Street 1. Choose another day: https://parcels.example/',
  ),
  text('a shop: failed payment', person('Payment failed'), 'The payment for order 550 5.1 has failed.'),
]
