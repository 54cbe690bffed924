import { shortNotice, bob, is, inWords } from './short-notice.ts'
import { replyTo, type RefusalName, type Report, type RightRecipient } from './writing.ts'

/** HCL (Lotus) Domino: "DELIVERY FAILURE", the reason behind "because:". */
const domino = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'Domino',
    from: 'Postmaster@acme.example',
    subject: `DELIVERY FAILURE: ${reason}`,
    to: bob,
    expected,
    words: [
      'Your message',
      '',
      '  Subject: Offer',
      '',
      'was not delivered to:',
      '',
      `  ${bob}`,
      '',
      'because:',
      '',
      `  ${reason}`,
      '',
    ],
    returns: 'part',
  })

/** Lotus Notes' SMTP gateway. */
const notes = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'Lotus Notes',
    from: 'Postmaster@acme.example',
    subject: 'DELIVERY FAILURE',
    to: bob,
    expected,
    words: ['------- Failure Reasons  --------', '', reason, bob, '', '------- Returned Message --------'],
    returns: 'below',
  })

/** Micro Focus (Novell) GroupWise Internet Agent. */
const groupWise = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'GroupWise',
    from: 'Mailer-Daemon@acme.example',
    subject: 'Message status - undeliverable',
    to: bob,
    expected,
    words: [
      'The message that you sent was undeliverable to the following:',
      `\t${bob} (${reason})`,
      '',
      'Possibly truncated original message follows:',
    ],
    returns: 'below',
  })

/** MDaemon. */
const mDaemon = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'MDaemon',
    from: 'MDaemon at acme.example <MDaemon@acme.example>',
    subject: 'Permanent Delivery Failure',
    to: bob,
    expected,
    words: [
      'The attached message had PERMANENT fatal delivery errors!',
      '',
      'After one or more unsuccessful delivery attempts the attached message has',
      'been removed from the mail queue on this server.',
      '',
      `Failed address: ${bob}`,
      '',
      '--- Session Transcript ---',
      ` Tue 2026-03-03 09:00:01: --> RCPT To:<${bob}>`,
      ` Tue 2026-03-03 09:00:02: <-- ${reason}`,
      '--- End Transcript ---',
    ],
    returns: 'part',
  })

/** Ipswitch IMail (SMTP32). */
const iMail = (reason: string, expected: RightRecipient): Report =>
  shortNotice({
    server: 'IMail',
    from: '"Postmaster" <postmaster@acme.example>',
    subject: 'Undeliverable Mail',
    to: bob,
    expected,
    words: [`${reason}: ${bob}`, ''],
    divider: 'Original message follows.',
    returns: 'below',
  })

/** hMailServer and MailEnable, on Windows. */
const hMail = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'hMailServer',
    from: 'mailer-daemon@acme.example',
    subject: 'Message undeliverable: Offer',
    to: bob,
    expected: is(refusal),
    words: [
      'Your message did not reach some or all of the intended recipients.',
      '',
      '   Sent: Tue, 3 Mar 2026 09:00:00 +0000',
      '   Subject: Offer',
      '',
      'The following recipient(s) could not be reached:',
      '',
      bob,
      '   Error Type: SMTP',
      '   Remote server (198.51.100.4) issued an error.',
      `   hMailServer sent: RCPT TO:<${bob}>`,
      `   Remote server replied: ${replyTo(refusal, bob)}`,
      '',
      'hMailServer',
    ],
    returns: 'part',
  })
const mailEnable = (refusal: RefusalName): Report =>
  shortNotice({
    server: 'MailEnable',
    from: '"Delivery Subsystem" <POSTMASTER@acme.example>',
    subject: 'Message Delivery Failure',
    to: bob,
    expected: is(refusal),
    words: [
      'MailEnable: Message could not be delivered to some recipients.',
      'The following recipient(s) could not be reached:',
      '',
      `\tRecipient: [SMTP:${bob}]`,
      `\tReason: Remote SMTP Server Returned: ${replyTo(refusal, bob)}`,
      '',
      'Message headers follow:',
    ],
    returns: 'below',
  })

/** Servers of offices, each after its manual. */
export const smallServers: readonly Report[] = [
  domino('User bob (bob@acme.example) not listed in Domino Directory', inWords('noSuchUser')),
  domino('550 5.1.1 <bob@acme.example>... User unknown', is('unknown')),
  domino('Mailbox quota exceeded for this user', inWords('quota')),
  notes('User not listed in public Name & Address Book', inWords('noSuchUser')),
  notes('Mailbox is full', inWords('quota')),
  groupWise('user not found', inWords('noSuchUser')),
  groupWise('mailbox full', inWords('quota')),
  mDaemon(replyTo('unknown', bob), is('unknown')),
  mDaemon(replyTo('full', bob), is('full')),
  mDaemon(replyTo('blocked', bob), is('blocked')),
  iMail('Unknown user', inWords('noSuchUser')),
  iMail('User mailbox exceeds allowed size', inWords('quota')),
  iMail('Invalid final delivery userid', inWords('noSuchUser')),
  hMail('noSuchUser'),
  hMail('unknown'),
  mailEnable('noSuchUser'),
  mailEnable('full'),
]
