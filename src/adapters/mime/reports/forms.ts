import { ADDRESS } from './addresses.ts'

/**
 * How a mail server without status parts reports what it could not deliver. `says` is a sentence that only it writes.
 * From there, or from `begins`, up to `ends`, recipients are on lines of their own; `recipient` matches such a line if
 * the common forms do not, with the address in its first group and the reason in its second.
 */
export type Form = {
  readonly server: string
  readonly says: RegExp
  readonly begins?: RegExp
  readonly ends?: RegExp
  readonly recipient?: RegExp
  /** Says that the mail is still being tried. */
  readonly delayed?: RegExp
}

const line = (before: string, after: string): RegExp => new RegExp(`${before}<?(${ADDRESS})>?${after}`, 'iu')

export const FORMS: readonly Form[] = [
  {
    // Exim's src/moan.c and deliver.c (bounce_message_file, warn_message_file); GMX, 1&1 and mail.ru changed its words.
    server: 'Exim',
    says: /^(?:this message was created automatically by (?:the )?mail delivery (?:software|system)|a message that you (?:have )?sent (?:could not be|has not yet been|was rejected)|это письмо создано автоматически)/i,
    begins:
      /following address(?:\(?es\)?)?|^address\(es\) failed|^failed:|following reason|не может быть доставлено|has not yet been delivered to|is a permanent error|still trying to deliver|rejected during delivery/i,
    ends: /^\*{5,}|^no action is required|^рекомендуем|^-+ ?(?:this is a copy|the header|the body|message header)|^included is a copy|^the following (?:text was generated|addresses? had)|^reporting-mta:/i,
    delayed: /has not yet been delivered|no action is required|on the queue on|warning: message \S+ delayed/i,
  },
  {
    // QSBMF (cr.yp.to/proto/qsbmf.txt): "Hi. This is the", then paragraphs beginning with the recipient and a colon.
    server: 'qmail',
    says: /^hi[.!] this is (?:the|your)|^your mail message to the following address|^i(?:'| a)m afraid i wasn't able to deliver|^this is the (?:machine generated|qmail)|^your message could not be delivered to the following|^message from .{1,80}\.$|^(?:qmail|\(qmail)/i,
    ends: /^---? (?:below this line|enclosed|original message|the (?:header|text))|^-{4,} (?:original|returned)/i,
  },
  {
    // Gmail before it sent status parts: "Technical details of permanent failure".
    server: 'Gmail',
    says: /^delivery to the following recipients? (?:failed|has been delayed|was aborted)|^\*\* (?:address not found|message (?:not delivered|blocked|too large)|delivery (?:incomplete|status)|recipient inbox full)|^hello .{1,80}\n*we're writing to let you know that the group you tried to contact/i,
    ends: /^-{3,} ?original message ?-{3,}|^-{3,} message header follows/i,
    delayed: /has been delayed|message will be retried|warning message only/i,
  },
  {
    // Yahoo: QSBMF with a greeting of its own.
    server: 'Yahoo',
    says: /^sorry,? we were unable to deliver your message to the following address|^unable to deliver message to the following address/i,
    ends: /^---? (?:below this line|original message|the (?:header|text))/i,
  },
  {
    // DragonFly Mail Agent: bounce() in its mail.c.
    server: 'DragonFly',
    says: /^this is the dragonfly mail agent/i,
    recipient: line('(?:delivering your mail to|your mail to|delivered to)\\s+', '\\.?()'),
    ends: /^(?:message headers|original message) follows?|^-{3,}/i,
  },
  {
    // OpenSMTPD: bounce.c, `list of recipients`.
    server: 'OpenSMTPD',
    says: /this is the mailer-daemon, please do not reply/i,
    begins: /list of recipients/i,
    ends: /below is a copy|please note that this is only a temporary|reporting-mta:/i,
    delayed: /a message is delayed for more than|only a temporary failure/i,
  },
  {
    // Amazon WorkMail and SES: a technical report in the text.
    server: 'Amazon',
    says: /^an error occurred while trying to deliver the mail to the following recipients|^technical report:/i,
    begins: /following recipients/i,
    ends: /^technical report/i,
  },
  {
    // Zoho: `user@example.org Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 …`.
    server: 'Zoho',
    says: /error_code ?:|^this message was created automatically by mail delivery software\..*error_code/i,
    recipient: line('^', '[, ]+(.*error_code.*|.*)$'),
  },
  {
    // Exchange 5.5 to 2003 (Internet Mail Service): "did not reach the following recipient(s)".
    server: 'Exchange 2003',
    says: /^your message$|did not reach (?:some or all of )?(?:the (?:following|intended) recipient|the following)/i,
    begins: /did not reach the following|could not be reached|following recipient|delivery to the following/i,
    ends: /^-{5,}/,
  },
  {
    // Exchange 2007 and later, in its languages: the part for administrators has the server's answer.
    server: 'Exchange',
    says: /^(?:delivery has failed to these recipients|your message (?:couldn't|could not|wasn't|to .{1,200} (?:couldn't|could not) be) (?:be )?delivered|.{0,40}wasn't delivered|die nachricht konnte nicht an|fehler bei der nachrichtenzustellung|échec de la remise|error al entregar|impossibile recapitare|recapito non riuscito|bezorging is mislukt|a entrega para estes|配信不能|диагностические|generating server|erstellender server|serveur de génération|servidor (?:de )?generador|diagnostic information for administrators|diagnoseinformationen|informations? de diagnostic|información de diagnóstico|informazioni di diagnostica)/i,
    begins:
      /diagnostic information for administrators|generating server|diagnoseinformationen|erstellender server|informations? de diagnostic|información de diagnóstico|informazioni di diagnostica|diagnostische gegevens|informações de diagnóstico/i,
    ends: /^(?:original message headers|ursprüngliche nachrichten|en-têtes du message|encabezados de mensajes|intestazioni del messaggio|oorspronkelijke berichtkoppen|cabeçalhos da mensagem)/i,
    delayed: /delivery is delayed|will continue to (?:try|be tried)|weiterhin versucht/i,
  },
  {
    // Postfix: bounce_notify_util.c. Sent without parts by old versions, or flattened by gateways.
    server: 'Postfix',
    says: /^this is the (?:postfix|.{1,40} (?:postfix|mail)) (?:program|system)|^this is the mail system at host|^i'm sorry to have to inform you that (?:the|your) message/i,
    ends: /^(?:reporting-mta:|(?<!-)-{3,} ?(?:original|undelivered))/i,
    delayed: /this is a warning only|you do not need to resend|could not be delivered for (?:more than )?\d/i,
  },
  {
    // Sendmail: savemail.c, errbody(). Version 5 has only the transcript.
    server: 'Sendmail',
    says: /(?<!-)-{3,} ?the following addresses had|(?<!-)-{3,} ?transcript of session follows|^the original message was received at/i,
    begins: /(?<!-)-{3,} ?the following addresses had/i,
    ends: /(?<!-)-{3,} ?(?:original message|message header|unsent message|returned message|message text|no message was collected)/i,
    delayed:
      /warning: (?:could not send|message still undelivered)|transient non-fatal|will keep trying|(?<!-)-{2,} ?could not send mail for past|^warning-/i,
  },
  {
    // Courier: dsn templates; `<<<` and `>>>` mark the dialogue.
    server: 'Courier',
    says: /^this is a delivery (?:status notification|error)|^unable to deliver your message to the following|is unable to contact the mail server|^your message could not be delivered to the following|^the following message was addressed to/i,
    ends: /^-{5,}|^if your message was also sent/i,
    delayed: /will continue to attempt|delayed delivery|has been delayed/i,
  },
  {
    // Lotus Domino and Notes: a report per recipient after "because:".
    server: 'Domino',
    says: /^your (?:message|document):?$|^was not delivered to:?|^-{5,} ?failure reasons/i,
    begins: /^was not delivered to|^-{5,} ?failure reasons/i,
    ends: /^-{5,} ?returned message|^this is the mail|^routing path|^from:/i,
  },
  {
    // Novell GroupWise's GWIA, Mercury, Merak, MDaemon, IMail, CommuniGate, Kerio, SurgeMail and others with short notices.
    server: 'small servers',
    says: /^(?:the message that you sent was undeliverable|the attached (?:file|message) had the following undeliverable recipient|(?:unknown user|user mailbox exceeds allowed size|invalid final delivery userid|unknown host|account disabled|delivery failed \d+ attempts|undeliverable to)\b|failed addresses follow|the following (?:data|message) may contain sections|failed to deliver (?:to|the following)|message could not be delivered|your message (?:was|has been) (?:rejected|automatically rejected)|could not be delivered to:)|could not be delivered to|^the user\(s\) account is|cannot deliver to <|automatic bounce notification/i,
  },
  {
    // KDDI, au and docomo: English lines below the Japanese ones; m-FILTER, Active!hunter and InterScan write the same
    // way.
    server: 'Japanese gateways',
    says: /each of the following recipients was rejected|^your mail (?:sent on|attempted to be delivered)|the user\(s\) account is|(?<!-)-{5,} ?server message|^(?:sent|received) (?:<<<|>>>)|送信に失敗|送信できませんでした|宛先(?:不明|の)/i,
    ends: /(?<!-)-{5,} ?original m/i,
  },
  {
    // MMS gateways (Verizon, AT&T, T-Mobile) and filters (Barracuda, Mimecast, MailMarshal, SurfControl, Trend Micro, McAfee, IronPort).
    server: 'gateways',
    says: /^(?:message could not be delivered to mobile|error: |your (?:email |e-mail )?message could not be delivered|your message (?:with subject|to .{1,100} was (?:rejected|blocked))|this (?:message was|is an) (?:automatically|automated)|an attempt (?:was made )?to deliver|we had trouble delivering|delevery to the following|this is an automatically generated delivery status|we (?:were|are) (?:unable|sorry)|your e-mail was rejected|(?:the|this) (?:following )?message (?:could|can|has|was) ?not (?:be |been )?deliver|the following recipient|content-description: delivery)|could not be delivered (?:to|for the following)|recipients? returned permanent error|smtp server <.{1,100}> (?:rejected|refused)/i,
  },
]
