import { person, machine, answered, text, type LookAlike } from './look-alike.ts'

const AWAY: readonly (readonly [subject: string, ...lines: string[]])[] = [
  [
    'Automatic reply: Offer',
    'I am out of the office until 9 March. In urgent cases write to tom@firm.example.',
  ],
  ['Out of Office: Offer', 'I am away and cannot answer before Monday.'],
  ['Automatische Antwort: Angebot', 'Ich bin bis zum 9. März nicht im Büro. Vertretung: tom@firm.example'],
  ['Réponse automatique : Offre', 'Je suis absente jusqu’au 9 mars. Contact : tom@firm.example'],
  ['Respuesta automática: Oferta', 'Estoy fuera de la oficina. Contacto: tom@firm.example'],
  ['Risposta automatica: Offerta', 'Sono fuori ufficio fino al 9 marzo.'],
  ['Automatisch antwoord: Aanbod', 'Ik ben afwezig tot 9 maart.'],
  ['Автоответ: Предложение', 'Меня нет в офисе до 9 марта.'],
  ['自動応答: Offer', '3月9日まで不在です。'],
  ['Away until 9 March', 'I will have limited access to email and will respond on my return.'],
  ['Re: Offer', 'Thank you for your message. I no longer work at Firm; please write to tom@firm.example.'],
  [
    'We have received your request [#4711]',
    'Our team will answer within two days. Do not reply to this message.',
  ],
]
/** Out-of-office notes. */
export const away: readonly LookAlike[] = AWAY.flatMap(([subject, ...lines], index) => [
  text(
    `out of office: ${subject}`,
    machine(
      'Eve Stone <eve@firm.example>',
      subject,
      'Auto-Submitted: auto-replied',
      `In-Reply-To: <${answered.messageId}>`,
    ),
    ...lines,
  ),
  ...(index % 3 === 0 ? [text(`out of office, unmarked: ${subject}`, person(subject), ...lines)] : []),
])

const CHALLENGE = 'To make sure that you are a person, please confirm your address by following this link:'
/** Challenges, tickets, monitors. */
export const machines: readonly LookAlike[] = [
  text(
    'a challenge',
    machine('Eve Stone <eve@firm.example>', 'Re: Offer (please confirm)', 'Auto-Submitted: auto-replied'),
    CHALLENGE,
    'https://confirm.example/4711',
  ),
  text(
    'a challenge of a service',
    machine(
      'noreply@challenge.example',
      'Verification required for your message to eve@firm.example',
      'Auto-Submitted: auto-replied',
    ),
    'Your message to eve@firm.example is being held.',
    CHALLENGE,
    'https://confirm.example/4711',
  ),
  text(
    'a challenge without marks',
    person('Please confirm: Offer'),
    CHALLENGE,
    'https://confirm.example/4711',
  ),
  text(
    'a list asks for confirmation',
    machine(
      'list-request@lists.example',
      'confirm 4711',
      'Precedence: bulk',
      'List-Id: <list.lists.example>',
    ),
    'Your message awaits the approval of a moderator.',
  ),
  text(
    'a ticket system',
    machine('support@firm.example', '[#4711] Offer', 'Auto-Submitted: auto-generated'),
    'A ticket was opened for ana@shop.example. We will answer soon.',
  ),
  text(
    'a calendar',
    machine('calendar@firm.example', 'Accepted: Call about the offer', 'Auto-Submitted: auto-generated'),
    'eve@firm.example has accepted.',
  ),
  text('a virus scanner tells of another mail', person('Scan report'), 'No virus was found in 14 messages.'),
  text(
    'a monitor',
    [
      'Return-Path: <monitor@shop.example>',
      'From: Monitor <monitor@shop.example>',
      'To: ana@shop.example',
      'Subject: PROBLEM: queue is full',
      'Message-ID: <2@shop.example>',
    ],
    'disk full on mx.example.net, 552 messages deferred',
  ),
  text(
    'a quota warning to ourselves',
    [
      'Return-Path: <>',
      'From: Mail <noreply@provider.example>',
      'To: ana@shop.example',
      'Subject: Storage',
      'Message-ID: <3@provider.example>',
    ],
    'Dear customer,',
    '',
    'you are using 90 % of your space.',
  ),
  text(
    'an answering machine that is sorry',
    machine('Eve Stone <eve@firm.example>', 'Offer', 'Auto-Submitted: auto-replied'),
    'We are sorry: this mailbox is no longer in use, and eve@firm.example does not exist any more.',
    'Error: please write to tom@firm.example.',
  ),
  text(
    'an answering machine of a firm that closed',
    machine('info@firm.example', 'Re: Offer', 'Auto-Submitted: auto-replied'),
    'Your message could not be delivered to a person today; the user is unavailable.',
    'Recipient: info@firm.example',
  ),
  text(
    'a postmaster who answers',
    [
      'Return-Path: <postmaster@firm.example>',
      'From: Eve Stone <postmaster@firm.example>',
      'To: ana@shop.example',
      'Subject: Re: Undelivered Mail Returned to Sender',
      'In-Reply-To: <1@shop.example>',
      'Message-ID: <9@firm.example>',
    ],
    'The user bob@firm.example is unknown here, and your mail was rejected. I have set him up now.',
  ),
  text(
    'cron',
    [
      'Return-Path: <root@shop.example>',
      'From: root@shop.example (Cron Daemon)',
      'To: ana@shop.example',
      'Subject: Cron <root@crm> /usr/bin/report',
      'Message-ID: <4@shop.example>',
    ],
    '550 rows written',
    '3 rows failed',
  ),
]
