import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import MailComposer from 'nodemailer/lib/mail-composer'
import type { ComposeMail, ComposedFile, ComposedMail, MailToCompose } from '../../commands/ports/composer.ts'
import { domainOf, invalidAddress, isAddress, normaliseAddress, type Mailbox } from '../../domain/mail.ts'
import { defineRefusal } from '../../domain/refusal.ts'
import { noRecipient } from '../../domain/sending/recipients.ts'
import { headerLine, mailboxList, mailboxParts, unstructured } from './headers.ts'
import { textOfHtml } from './text-of-html.ts'

/** At most this many Message-IDs of a long thread are named: the first and the latest others (RFC 5537 3.4.4). */
const REFERENCES_LIMIT = 20

/**
 * Fixes the bytes of an email: HTML and plain text as alternatives, then the attachments; 7 bit throughout, lines end
 * with CR LF. Everything comes from the input, so composing again gives the same bytes.
 */
export const composeMail: ComposeMail = async (mail): Promise<ComposedMail> => {
  refuseUncomposable(mail)
  const recipients = distinctAddresses([...mail.to, ...mail.cc, ...mail.bcc])
  // A domain that IDNA does not know is still part of somebody's address.
  const messageId = `${mail.outgoingId}@${domainToASCII(domainOf(mail.from.address)) || 'mailtrail.invalid'}`
  const text = textOfHtml(mail.html)
  const parts = { mail, messageId, text, boundary: boundaryOf(mail) }
  const wire = await body({ ...parts, html: mail.trackedHtml ?? mail.html })
  const original = mail.trackedHtml === null ? wire : await body({ ...parts, html: mail.html })
  return {
    messageId,
    mime: Buffer.concat([headersOf(mail, []), wire]),
    copy: Buffer.concat([headersOf(mail, mail.bcc), original]),
    text,
    envelope: { from: mail.from.address, recipients },
  }
}

/**
 * The fields that people and threads rely on; written here, since names and subjects must read back exactly as they
 * were.
 */
const headersOf = (mail: MailToCompose, bcc: readonly Mailbox[]): Buffer => {
  const references = mail.references.filter(isMessageId)
  const lines: [name: string, parts: readonly string[]][] = [
    ['From', mailboxParts(mail.from)],
    ['Reply-To', mail.replyTo === null ? [] : mailboxParts({ address: mail.replyTo })],
    ['To', mailboxList(mail.to)],
    ['Cc', mailboxList(mail.cc)],
    ['Bcc', mailboxList(bcc)],
    ['Subject', unstructured(mail.subject.toWellFormed().trim())],
    ['In-Reply-To', [mail.inReplyTo ?? ''].filter(isMessageId).map((id) => `<${id}>`)],
    ['References', foldReferences(references).map((id) => `<${id}>`)],
    ['X-Mailtrail-Id', [mail.outgoingId]],
    ['Auto-Submitted', mail.automatic ? ['auto-generated'] : []],
  ]
  return Buffer.from(
    lines.map(([name, parts]) => (parts.join('') === '' ? '' : headerLine(name, parts))).join(''),
  )
}

const isMessageId = (id: string): boolean => /^[\x21-\x3b\x3d\x3f-\x7e]{1,900}$/.test(id)

type Parts = {
  readonly mail: MailToCompose
  readonly messageId: string
  readonly text: string
  readonly boundary: string
  readonly html: string
}

/** Message-ID, Date and all MIME fields, to follow the headers above. */
const body = ({ mail, messageId, text, boundary, html }: Parts): Promise<Buffer> => {
  const composer = new MailComposer({
    messageId: `<${messageId}>`,
    date: mail.date,
    // The encoding is set explicitly, since it would not always be the same for both forms.
    text: text === '' ? undefined : { content: withCrLf(text), contentTransferEncoding: 'quoted-printable' },
    html: { content: withCrLf(html === '' ? '<p></p>' : html), contentTransferEncoding: 'quoted-printable' },
    attachments: mail.files.map(attachmentOf),
    baseBoundary: boundary,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return new Promise((resolve, reject) => {
    composer.compile().build((error, message) => (error ? reject(error) : resolve(message)))
  })
}

const withCrLf = (text: string): string => text.replaceAll(/\r\n?|\n/g, '\r\n')

/** Derived from the text it separates, so no text can have been written to contain it. */
const boundaryOf = ({ outgoingId, html, trackedHtml }: MailToCompose): string =>
  createHash('sha256')
    .update(JSON.stringify([outgoingId, html, trackedHtml]))
    .digest('hex')
    .slice(0, 24)

const attachmentOf = ({ name, contentType, content, cid }: ComposedFile) => ({
  // Readers decode whatever looks like an encoded word, even where RFC 2047 5 forbids it.
  filename: name.replaceAll('=?', '_?'),
  contentType: safeContentType(contentType),
  content,
  contentTransferEncoding: 'base64',
  ...(cid === undefined ? {} : { cid, contentDisposition: 'inline' }),
})

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,100}"

/**
 * The type of a file as its header states it (RFC 2045 5.1). An invalid type becomes application/octet-stream; so do
 * whole messages, which must not be encoded and would lose their exact bytes in transit.
 */
const safeContentType = (contentType: string): string => {
  const match = new RegExp(`^(${TOKEN}/${TOKEN})(?:\\s*;\\s*charset="?(${TOKEN})"?)?\\s*(?:;|$)`, 'i').exec(
    contentType,
  )
  if (!match?.[1] || /^(?:multipart|message)\//i.test(match[1])) return 'application/octet-stream'
  return match[2] === undefined ? match[1] : `${match[1]}; charset=${match[2]}`
}

const foldReferences = (ids: readonly string[]): readonly string[] =>
  ids.length <= REFERENCES_LIMIT ? ids : [...ids.slice(0, 1), ...ids.slice(1 - REFERENCES_LIMIT)]

const distinctAddresses = (mailboxes: readonly Mailbox[]): string[] => {
  const distinct = new Map<string, string>()
  for (const { address } of mailboxes)
    if (!distinct.has(normaliseAddress(address))) distinct.set(normaliseAddress(address), address)
  return [...distinct.values()]
}

const headerControlCharacter = defineRefusal('header-control-character', {
  title: 'Control character in a header',
  meaning:
    'A subject, name or address contains a line break or another control character, which could forge a header.',
  remedy: 'Write it on one line, without control characters.',
})

/** Everything that goes into a header must be one line; checked before anything else. @throws Refused */
export const refuseUncomposable = (mail: MailToCompose): void => {
  if (mail.to.length + mail.cc.length + mail.bcc.length === 0) throw noRecipient()
  const mailboxes = (header: string, list: readonly Mailbox[]) =>
    list.flatMap(({ name, address }) => [
      [header, name ?? ''],
      [header, address],
    ])
  const values = [
    ['X-Mailtrail-Id', mail.outgoingId],
    ...mailboxes('From', [mail.from]),
    ['Reply-To', mail.replyTo ?? ''],
    ...mailboxes('To', mail.to),
    ...mailboxes('Cc', mail.cc),
    ...mailboxes('Bcc', mail.bcc),
    ['Subject', mail.subject],
    ['In-Reply-To', mail.inReplyTo ?? ''],
    ...mail.references.map((id) => ['References', id]),
    ...mail.files.flatMap(({ name, contentType, cid }) => [
      ['name of an attachment', name],
      ['type of an attachment', contentType],
      ['Content-ID of an attachment', cid ?? ''],
    ]),
  ]
  const broken = values.find(([, value]) => /[\p{Cc}\u2028\u2029]/u.test(value ?? ''))?.[0]
  if (broken !== undefined)
    throw headerControlCharacter({
      detail: `${broken} contains a line break or another control character.`,
      details: { header: broken },
    })
  const addresses = [mail.from, ...mail.to, ...mail.cc, ...mail.bcc].map(({ address }) => address)
  const wrong = [...addresses, ...(mail.replyTo === null ? [] : [mail.replyTo])].find(
    (address) => !isAddress(address),
  )
  if (wrong !== undefined) throw invalidAddress({ details: { address: wrong } })
}
