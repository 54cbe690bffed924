import { BOUNCE, person, answered, text, type LookAlike } from './look-alike.ts'
import { reportHeader, returned, multipart } from './writing.ts'

/** People who have something to do with a bounce. */
export const forwarded: readonly LookAlike[] = [
  text(
    'a person pastes a bounce',
    person('Fwd: Undelivered Mail Returned to Sender'),
    'Ana, what is this?',
    '',
    ...BOUNCE,
  ),
  text(
    'a person quotes a bounce',
    person('Re: Undelivered Mail Returned to Sender', 'In-Reply-To: <report.1@mx.example.net>'),
    'Bob has left the firm.',
    '',
    ...BOUNCE.map((line) => `> ${line}`),
  ),
  text(
    'a person titles like a bounce',
    person('Delivery failed'),
    'My mail to <bob@acme.example> was rejected: 550 5.1.1 User unknown. Can you help?',
  ),
  text(
    'a person titles in German',
    person('Unzustellbar: Angebot'),
    'Ihre Nachricht kam zurück, bitte noch einmal senden.',
  ),
  {
    name: 'a person attaches a bounce',
    raw: multipart(person('Undelivered Mail Returned to Sender'), 'multipart/mixed', [
      { text: ['See the attached report.'] },
      {
        type: 'message/rfc822',
        text: [
          ...reportHeader('MAILER-DAEMON@mx.example.net', 'Undelivered Mail Returned to Sender'),
          '',
          ...BOUNCE,
        ],
      },
    ]),
  },
  {
    name: 'a person attaches what was returned',
    raw: multipart(person('mailbox full?'), 'multipart/mixed', [
      { text: ['I got: 552 5.2.2 mailbox full'] },
      returned(answered),
    ]),
  },
  {
    name: 'a person passes on the parts of a bounce',
    raw: multipart(person('Fwd: Undelivered Mail Returned to Sender'), 'multipart/mixed', [
      { text: ['Look at this.', '', ...BOUNCE] },
      {
        type: 'message/delivery-status',
        text: ['Reporting-MTA: dns; mx.example.net', '', ...BOUNCE.slice(-3)],
      },
    ]),
  },
  {
    name: 'a person sends back our mail',
    raw: multipart(person('Re: Delivery failed'), 'multipart/mixed', [
      { text: ['This was not delivered to bob@acme.example, he says.'] },
      returned(answered),
    ]),
  },
  text(
    'a colleague asks for an address',
    person('bounce'),
    'Do you have a better address of Bob? bob@acme.example does not exist.',
  ),
  text(
    'from the postmaster, a person',
    [
      'Return-Path: <postmaster@firm.example>',
      ...person('Your question')
        .slice(1)
        .map((line) => line.replace('Eve Stone <eve@firm.example>', 'Eve Stone <postmaster@firm.example>')),
    ],
    'Hello Ana,',
    '',
    'we looked into it, and all is well now.',
    '',
    'Eve',
  ),
]

/** What people write every day. */
export const human: readonly LookAlike[] = [
  text(
    'an ordinary reply',
    person('Re: Offer', `In-Reply-To: <${answered.messageId}>`),
    'Dear Ana,',
    '',
    'thank you, we take it.',
    '',
    'Eve',
  ),
  text(
    'a reply about full boxes',
    person('Re: Offer'),
    'Our mailbox was full, so that your offer was rejected. Please send it again to eve@firm.example.',
  ),
  text('numbers like codes', person('Order 550'), '550 pieces of 5.1.1 and 552 of 5.2.2, please.'),
  text(
    'a long thread',
    person('Re: Re: Offer', 'References: <1@x.example> <2@x.example>'),
    'Yes.',
    '',
    '> > 550 units?',
    '> No.',
    '',
    '-- ',
    'Eve Stone',
  ),
  text(
    'a complaint of a customer',
    person('Not delivered!'),
    'My order was not delivered, the address is eve@firm.example, what happened?',
  ),
  text('an empty mail', person('')),
  text('Japanese', person('お問い合わせ'), 'ご連絡ありがとうございます。'),
  text(
    'with an empty return path, about nothing',
    [
      'Return-Path: <>',
      'From: Eve Stone <eve@firm.example>',
      'To: ana@shop.example',
      'Subject: Hello',
      'Message-ID: <8@firm.example>',
    ],
    'Good morning Ana, see you at ten.',
  ),
]
