import type { DeliveryStatus } from '../../../commands/ports/parser.ts'
import { normaliseAddress } from '../../../domain/mail.ts'
import { first, mailboxesIn, type HeaderField } from '../header-fields.ts'
import { textOfHtml } from '../text-of-html.ts'
import { cut } from '../text.ts'
import { typedAddress } from './addresses.ts'
import { notificationIn } from './notifications.ts'
import { enclosedReport, onlyRecipient, originalIds, quotedHeader, splitNotice } from './original.ts'
import { recipientsInText } from './read-text.ts'
import type { Notice, Part, ReportedRecipient } from './report.ts'
import { salvagedParts, salvagedText } from './salvage.ts'
import { isNoReport, senderOf, type Sender } from './sender.ts'
import { betterStatus, statusIn } from './smtp-words.ts'
import { hasStatusPart, recipientsInParts } from './status-part.ts'

const MAX_RECIPIENTS = 1000
/** What servers say about all recipients together. */
const MAX_WORDS = 100_000
/** A notice is short; what a mail system quotes may be long. */
const MAX_TEXT = 131_072

export type MailToRead = {
  readonly fields: readonly HeaderField[]
  readonly subject: string
  readonly text: string | null
  readonly html: string | null
  readonly parts: readonly Part[]
  /** The bytes after the header, for reports whose boundaries do not delimit parts. */
  readonly body: Uint8Array
}

/**
 * What a mail says about the delivery of another: from its status part, or else in the server's words. Null for all
 * other mail.
 */
export const deliveryOf = (mail: MailToRead): DeliveryStatus | null => {
  const sender = senderOf(mail.fields, mail.subject)
  if (isNoReport(mail.fields, mail.subject, sender)) return null
  if (sender.notifier) return notificationIn(linesOf(textOf(mail)))
  const structured = hasStatusPart(mail.parts)
  if (!sender.machine && !structured && !sender.titled) return null
  const notice = telling(noticeOf(mail, sender.machine && sender.titled))
  if (!structured && !isCredible(sender, notice)) return null
  const recipients = recipientsOf(notice)
  if (recipients === null) return null
  const { messageId, trailId } = originalIds(notice)
  return {
    originalMessageId: messageId,
    originalTrailId: trailId,
    recipients: withinEvent(recipients.slice(0, MAX_RECIPIENTS)),
  }
}

/**
 * Whether a text can be taken for a report. Auto-responders have an empty return path too, and postmasters are people:
 * their mail must have the title of a report, or return a mail. If nothing points to a mail system, the returned mail
 * must be from the recipient of the report.
 */
const isCredible = (sender: Sender, { fields, quoted }: Notice): boolean => {
  if (sender.sure) return true
  if (sender.machine) return sender.titled || first(quoted, 'message-id') !== ''
  const [author] = mailboxesIn(quoted, 'from')
  const us = mailboxesIn(fields, 'to').map(({ address }) => normaliseAddress(address))
  return author !== undefined && us.includes(normaliseAddress(author.address))
}

/** All recipients of a report are recorded in one event: the more there are, the fewer words for each. */
const withinEvent = (recipients: readonly ReportedRecipient[]): ReportedRecipient[] => {
  const limit = Math.floor(MAX_WORDS / recipients.length)
  return recipients.map((each) => ({ ...each, diagnostic: each.diagnostic && cut(each.diagnostic, limit) }))
}

const textOf = ({ text, html }: MailToRead): string =>
  (text?.trim() ? text : textOfHtml((html ?? '').slice(0, MAX_TEXT))).slice(0, MAX_TEXT)

const linesOf = (text: string): string[] => text.split(/\r\n|\r|\n/)

/** The notice, or the one it forwards if it names no recipient itself. */
const telling = (notice: Notice): Notice => {
  const enclosed = enclosedReport(notice.parts)
  if (enclosed === null || recipientsOf({ ...notice, quoted: [] })?.some(({ address }) => address !== null))
    return notice
  const parts = salvagedParts(enclosed.body)
  return noticeIn(enclosed.fields, true, parts, salvagedText(enclosed.body, parts))
}

const noticeOf = (mail: MailToRead, titled: boolean): Notice => {
  const { fields } = mail
  const text = textOf(mail)
  const whole = noticeIn(fields, titled, mail.parts, text)
  if (!/^multipart\//i.test(first(fields, 'content-type'))) return whole
  if (text.trim() !== '' && whole.quoted.length > 0) return whole
  const salvaged = salvagedParts(mail.body)
  const parts = hasStatusPart(mail.parts)
    ? [...mail.parts, ...salvaged.filter((part) => !hasStatusPart([part]))]
    : [...mail.parts, ...salvaged]
  return noticeIn(fields, titled, parts, text.trim() === '' ? salvagedText(mail.body, salvaged) : text)
}

const noticeIn = (
  fields: readonly HeaderField[],
  titled: boolean,
  parts: readonly Part[],
  text: string,
): Notice => {
  const { notice, quoted } = splitNotice(linesOf(text))
  return { fields, titled, parts, lines: notice, quoted: quotedHeader(parts, quoted) }
}

/** Each recipient in the report; null if it reports on none. */
const recipientsOf = (notice: Notice): ReportedRecipient[] | null => {
  const failed = ['x-failed-recipients', 'original-recipient', 'final-recipient']
    .flatMap((name) => first(notice.fields, name).split(','))
    .map(typedAddress)
    .filter(hasAt)
  const only = onlyRecipient(notice.quoted)
  const known = failed.length > 0 ? failed : only === null ? [] : [only]
  const inParts = recipientsInParts(notice)
  if (inParts.length === 0) return recipientsInText(notice, known)
  const inText = inParts.some((each) => !isComplete(each)) ? (recipientsInText(notice, []) ?? []) : []
  return inParts.map((each) => completed(each, inText, known))
}

const hasAt = (address: string | null): boolean => (address?.indexOf('@') ?? -1) > 0
const isComplete = ({ address, diagnostic, status }: ReportedRecipient): boolean =>
  hasAt(address) && diagnostic !== null && status !== null && !/\.0$|^4\.4\.7$/.test(status)

/** The text for people often has what the fields of a report leave out. */
const completed = (
  reported: ReportedRecipient,
  told: readonly ReportedRecipient[],
  known: readonly string[],
): ReportedRecipient => {
  const names = [reported.address, ...reported.otherAddresses].map((name) => name?.toLowerCase())
  const [better] = hasAt(reported.address)
    ? told.filter(({ address }) => names.includes(address?.toLowerCase()))
    : told.filter(({ address }) => address !== null)
  const [named] = known
  const address = hasAt(reported.address) ? reported.address : (named ?? better?.address ?? reported.address)
  const code = reported.code ?? better?.code ?? null
  const said = reported.diagnostic === null ? null : statusIn(reported.diagnostic)
  return {
    ...reported,
    address,
    otherAddresses: [
      ...reported.otherAddresses,
      ...(address === reported.address || !reported.address ? [] : [reported.address]),
    ],
    status: said === null ? betterStatus(reported.status, better?.status ?? null, code) : reported.status,
    code,
    diagnostic: reported.diagnostic ?? better?.diagnostic ?? null,
  }
}
