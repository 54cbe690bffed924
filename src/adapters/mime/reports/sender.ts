import { first, mailboxesIn, type HeaderField } from '../header-fields.ts'

/** Names that mail systems send under (RFC 2142, RFC 3464 and those of large systems). */
const DAEMON =
  /^(?:mailer[-_. ]?daemon|mail[-_. ]?daemon|mdaemon|postmaster|daemon|mail[-_. ]?(?:delivery|system|admin)[\w.-]*|mmsc[\w-]*|ndr|[\w.-]*(?:smtp|mail)[-_.]?(?:service|server|gateway)s?|[\w.-]*anti[-_.]?virus[\w.-]*|bounces?|delivery[-_.]?(?:status|failure|report|notification)[\w.-]*)$/i
const DAEMON_NAME =
  /mail(?:er)?[- ]?(?:daemon|delivery|system|administrator)|postmaster|mail(?:er)? delivery|delivery (?:sub)?system|system administrator|ndr administrator|mail (?:service|gateway)|jetmail|メール配信/i

/** Titles of failure notices, in the languages of large systems. */
const FAILED_SUBJECT =
  /undeliver(?:able|ed)|un?able to deliver|not? (?:be )?delivered|deliver(?:y|ing)[^a-z]{0,3} ?(?:has |report|status|notification|error|fail|problem|delay)|fail(?:ure|ed)[\s:-]*(?:notice|delivery|notification|to deliver|mail)|delivery failure|mail(?:er)? ?(?:delivery )?(?:system )?(?:error|fail)|returned (?:mail|to sender|message)|message (?:undeliv|not deliv|delivery)|error sending|bounce|rejected|dsn\b|could not (?:send|be)|unzustellbar|nicht zugestellt|zustell|non remis|échec|non distribu|no se (?:ha )?(?:pudo )?entreg|no entregad|mancat[ao] (?:recapito|consegna)|non recapit|niet (?:bezorg|worden)|onbestelbaar|não (?:foi )?(?:entreg|pôde)|niedostarcz|kan inte levereras|недостав|не доставл|не удалось|エラー|送信でき|配信でき|不達|退信|无法投递|系统退信|投递失败/i

export type Sender = {
  /** A mail system may be the author. */
  readonly machine: boolean
  /** Only a mail system marks a mail like this. */
  readonly sure: boolean
  /** The title says that something was not delivered. */
  readonly titled: boolean
  /** A service that reports on what happened to a mail. */
  readonly notifier: boolean
}

const emptyPath = (value: string): boolean => /^\s*<\s*>|^\s*<?mailer-daemon(?:@[^>]*)?>?\s*$/i.test(value)

/**
 * Who wrote a mail, as far as reports need to know. A notice has an empty return path (RFC 5321 4.5.5) or the name of a
 * mail system; auto-responders have the former too, so that alone proves nothing.
 */
export const senderOf = (fields: readonly HeaderField[], subject: string): Sender => {
  const [from] = mailboxesIn(fields, 'from')
  const local = (from?.address ?? '').replace(/@.*$/s, '')
  const daemon = DAEMON.test(local) || DAEMON_NAME.test(from?.name ?? '')
  const path = first(fields, 'return-path')
  const noAuthor = from === undefined || from.address === ''
  const sure =
    /^mail(?:er)?[-_. ]?daemon$/i.test(local) ||
    first(fields, 'x-failed-recipients') !== '' ||
    /report-type="?delivery-status/i.test(first(fields, 'content-type'))
  const machine =
    sure ||
    daemon ||
    emptyPath(path) ||
    DAEMON.test(path.replace(/^<|@.*$|>$/g, '')) ||
    (noAuthor && fields.some(({ name }) => name === 'from'))
  return {
    machine,
    sure,
    titled: FAILED_SUBJECT.test(subject),
    notifier: /@sns\.amazonaws\.com$/i.test(from?.address ?? ''),
  }
}

/** Subjects of replies and forwarded mail. */
const HANDED_ON = /^\s*(?:re|fwd?|aw|wg|tr|rv|sv|vs|vb|i|r|antw|doorst|odp|pd|转发|答复|回复)\s*[::]/iu

const word = (fields: readonly HeaderField[], name: string): string => first(fields, name).toLowerCase()

/**
 * What looks like a report but is not: read receipts (RFC 8098), abuse reports (RFC 5965), mail passed on by lists and
 * people.
 */
export const isNoReport = (fields: readonly HeaderField[], subject: string, sender: Sender): boolean => {
  const type = word(fields, 'content-type')
  // A filter that refuses a mail after delivery says so in a read receipt (RFC 5429 2.1.2).
  const refused = /^auto-replied\b.*\brejected/.test(word(fields, 'auto-submitted'))
  if (/report-type="?disposition-notification/.test(type) && !refused) return true
  if (/report-type="?feedback-report/.test(type)) return true
  const list = fields.some(({ name }) => name === 'list-id' || name === 'list-post')
  return !sender.sure && (HANDED_ON.test(subject) || (list && !sender.machine))
}
