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

/** Exchange 5.5 to 2003: the Internet Mail Service names recipients with a date and the reason in words. */
const oldReport = (
  n: number,
  failed: readonly (readonly [string, string, Report['recipients'][number]])[],
): Report => {
  const mail = sentMail('exchange', n, ...failed.map(([to]) => to))
  return {
    name: `Exchange 2003: ${failed.map(([, words]) => words).join(' and ')}`,
    raw: multipart(
      reportHeader(
        'System Administrator <postmaster@acme.example>',
        'Undeliverable: Offer',
        'X-Mailer: Internet Mail Service (5.5.2657.72)',
      ),
      'multipart/mixed',
      [
        {
          charset: 'iso-8859-1',
          text: [
            'Your message',
            '',
            '  To:      ana@shop.example',
            '  Subject: Offer',
            '  Sent:    Tue, 3 Mar 2026 09:00:00 -0000',
            '',
            'did not reach the following recipient(s):',
            '',
            ...failed.flatMap(([to, words]) => [
              `${to} on Tue, 3 Mar 2026 09:01:00 -0000`,
              `    ${words}`,
              '\tThe MTS-ID of the original message is: c=us;a= ;p=acme',
              ';l=MAIL0101-260303',
              '    MSEXCH:IMS:ACME:HQ:MAIL01 0 (000C05A6) Unknown Recipient',
            ]),
          ],
        },
        returned(mail),
      ],
    ),
    recipients: failed.map(([, , expected]) => expected),
    messageId: mail.messageId,
  }
}
const NOT_KNOWN = 'The recipient name is not recognized'
const unknownOld = (to: string): readonly [string, string, Report['recipients'][number]] => [
  to,
  NOT_KNOWN,
  right(to, 'noSuchUser'),
]

/** Exchange 2007 and later and Microsoft 365, in the languages of their users. */
type Language = {
  readonly subject: string
  readonly intro: string
  readonly details: string
  readonly server: string
  readonly headers: string
}
const LANGUAGES: Record<string, Language> = {
  en: {
    subject: 'Undeliverable: Offer',
    intro: 'Delivery has failed to these recipients or groups:',
    details: 'Diagnostic information for administrators:',
    server: 'Generating server',
    headers: 'Original message headers:',
  },
  de: {
    subject: 'Unzustellbar: Offer',
    intro: 'Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:',
    details: 'Diagnoseinformationen für Administratoren:',
    server: 'Generierender Server',
    headers: 'Ursprüngliche Nachrichtenkopfzeilen:',
  },
  fr: {
    subject: 'Non remis : Offer',
    intro: 'Échec de la remise à ces destinataires ou groupes :',
    details: 'Informations de diagnostic pour les administrateurs :',
    server: 'Serveur de génération',
    headers: 'En-têtes de message d’origine :',
  },
  es: {
    subject: 'No se puede entregar: Offer',
    intro: 'Error al entregar a estos destinatarios o grupos:',
    details: 'Información de diagnóstico para los administradores:',
    server: 'Servidor de generación',
    headers: 'Encabezados de mensajes originales:',
  },
  it: {
    subject: 'Non recapitabile: Offer',
    intro: 'Recapito non riuscito per i seguenti destinatari o gruppi:',
    details: 'Informazioni di diagnostica per gli amministratori:',
    server: 'Server di generazione',
    headers: 'Intestazioni messaggio originale:',
  },
  nl: {
    subject: 'Onbestelbaar: Offer',
    intro: 'Bezorging is mislukt voor deze geadresseerden of groepen:',
    details: 'Diagnostische gegevens voor beheerders:',
    server: 'Server die het bericht heeft gegenereerd',
    headers: 'Oorspronkelijke berichtkoppen:',
  },
}

const textIn = (language: string, to: string, said: string, header: readonly string[]): string[] => {
  const words = LANGUAGES[language]
  return [
    words?.intro ?? '',
    '',
    `${to}<mailto:${to}>`,
    '',
    '',
    words?.details ?? '',
    '',
    `${words?.server}: MX01.acme.example`,
    '',
    to,
    said,
    '',
    words?.headers ?? '',
    '',
    ...header,
  ]
}

const flat = (n: number, language: string, to: string, refusal: RefusalName): Report => {
  const mail = sentMail('exchange', n, to)
  const said = `Remote Server returned '${replyTo(refusal, to)}'`
  return {
    name: `Exchange as text (${language}), ${refusal}`,
    raw: textMail(reportHeader('postmaster@acme.example', LANGUAGES[language]?.subject ?? ''), {
      charset: 'utf-8',
      encoding: n % 2 === 0 ? 'base64' : 'quoted-printable',
      text: textIn(language, to, said, mail.header),
    }),
    recipients: [right(to, refusal)],
    messageId: mail.messageId,
  }
}

const parts = (
  n: number,
  language: string,
  to: string,
  said: string,
  status: string,
  expected: Report['recipients'][number],
): Report => {
  const mail = sentMail('exchange', n, to)
  return {
    name: `Exchange in parts (${language}), ${said.slice(0, 40)}`,
    raw: multipart(
      reportHeader(
        '<postmaster@acme.example>',
        LANGUAGES[language]?.subject ?? '',
        'Auto-Submitted: auto-replied',
        `In-Reply-To: <${mail.messageId}>`,
      ),
      REPORT,
      [
        {
          type: 'text/html',
          charset: 'utf-8',
          encoding: 'base64',
          text: [`<html><body><p>${textIn(language, to, said, []).join('</p><p>')}</p></body></html>`],
        },
        {
          type: 'message/delivery-status',
          text: [
            'Reporting-MTA: dns;MX01.acme.example',
            'Received-From-MTA: dns;relay.shop.example',
            'Arrival-Date: Tue, 3 Mar 2026 09:00:00 +0000',
            '',
            `Final-Recipient: rfc822;${to}`,
            'Action: failed',
            `Status: ${status}`,
            `Diagnostic-Code: smtp;${said}`,
            `X-Display-Name: ${to}`,
          ],
        },
        returned(mail, 'text/rfc822-headers'),
      ],
    ),
    recipients: [expected],
    messageId: mail.messageId,
  }
}

export const exchange: readonly Report[] = [
  oldReport(1, [unknownOld('bob@acme.example')]),
  oldReport(2, [unknownOld('bob@acme.example'), unknownOld('eve@acme.example')]),
  oldReport(3, [['bob@acme.example', "The recipient's mailbox is full", right('bob@acme.example', 'quota')]]),
  ...(['en', 'de', 'fr', 'es', 'it', 'nl'] as const).flatMap((language, index) => [
    flat(10 + 2 * index, language, 'bob@acme.example', 'unknown'),
    flat(11 + 2 * index, language, 'bob@acme.example', index % 2 === 0 ? 'full' : 'spam'),
  ]),
  parts(
    30,
    'en',
    'bob@acme.example',
    '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@acme.example not found by SMTP address lookup',
    '5.1.10',
    right('bob@acme.example', 'unknown', { status: '5.1.10' }),
  ),
  parts(
    31,
    'de',
    'bob@acme.example',
    '550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient',
    '5.2.3',
    right('bob@acme.example', 'size', { status: '5.2.3' }),
  ),
  parts(
    32,
    'fr',
    'bob@acme.example',
    '550 5.4.1 Recipient address rejected: Access denied. [mx.acme.example]',
    '5.4.1',
    right('bob@acme.example', 'unknown', { status: '5.4.1' }),
  ),
  parts(
    33,
    'en',
    'bob@acme.example',
    '550 5.7.1 RESOLVER.RST.AuthRequired; authentication required',
    '5.7.1',
    right('bob@acme.example', 'spf', { status: '5.7.1' }),
  ),
  parts(
    34,
    'it',
    'bob@acme.example',
    '550 5.2.2 STOREDRV.Deliver; mailbox full',
    '5.2.2',
    right('bob@acme.example', 'full'),
  ),
  parts(
    35,
    'en',
    'bob@slow.example',
    '550 5.4.300 Message expired -> 451 4.4.0 Primary target IP address responded with: connection timed out',
    '5.4.300',
    right('bob@slow.example', 'timeout', { status: '5.4.300' }),
  ),
]
