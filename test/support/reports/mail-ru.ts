import { replyTo, reportHeader, right, sentMail, textMail, type RefusalName, type Report } from './writing.ts'

/** mail.ru: Exim's text behind one in Russian (help.mail.ru, "Mail failure"). */
const mailRuReport = (
  n: number,
  failed: readonly (readonly [string, RefusalName])[],
  encoding: '8bit' | 'base64',
): Report => {
  const mail = sentMail('mailru', n, ...failed.map(([to]) => to))
  const lines = failed.flatMap(([to, refusal]) => [
    `  ${to}`,
    `    SMTP error from remote mail server after RCPT TO:<${to}>:`,
    `    host mx.acme.example [198.51.100.4]: ${replyTo(refusal, to)}`,
  ])
  return {
    name: `mail.ru ${failed.map(([, refusal]) => refusal).join(' and ')}`,
    raw: textMail(
      reportHeader(
        'mailer-daemon@corp.mail.example',
        '=?UTF-8?B?0JLQsNGI0LUg0YHQvtC+0LHRidC10L3QuNC1INC90LUg0LTQvtGB0YLQsNCy0LvQtdC90L4=?=. Mail failure.',
        `X-Failed-Recipients: ${mail.to.join(', ')}`,
        'Auto-Submitted: auto-replied',
      ),
      {
        charset: 'utf-8',
        encoding,
        text: [
          'Это письмо создано автоматически сервером Mail.Ru, отвечать на него не нужно.',
          '',
          'К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:',
          '',
          ...lines,
          '',
          'Рекомендуем Вам проверить корректность указания адресов получателей.',
          '',
          '**********************',
          '',
          'This message was created automatically by mail delivery software.',
          '',
          ...lines,
          '',
          '------ This is a copy of the message, including all the headers. ------',
          '',
          ...mail.header,
        ],
      },
    ),
    recipients: failed.map(([to, refusal]) => right(to, refusal)),
    messageId: mail.messageId,
  }
}

export const mailRu: readonly Report[] = [
  mailRuReport(1, [['bob@acme.example', 'unknown']], '8bit'),
  mailRuReport(2, [['bob@acme.example', 'full']], 'base64'),
  mailRuReport(
    3,
    [
      ['bob@acme.example', 'noSuchUser'],
      ['eve@firm.example', 'spam'],
    ],
    '8bit',
  ),
  mailRuReport(4, [['bob@acme.example', 'dmarc']], 'base64'),
  mailRuReport(5, [['bob@acme.example', 'quota']], '8bit'),
]
