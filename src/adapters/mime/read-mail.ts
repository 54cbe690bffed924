import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import PostalMime, { type Attachment } from 'postal-mime'
import type { ParsedAttachment, ParsedMail } from '../../commands/ports/parser.ts'
import { automaticOf } from './classify.ts'
import {
  contentHeader,
  first,
  headerFields,
  idIn,
  idsIn,
  instantIn,
  mailboxesIn,
  subjectIn,
  type HeaderField,
} from './header-fields.ts'
import {
  bodyStart,
  MAX_ADDRESSES,
  MAX_ALL_HEADER_BYTES,
  MAX_DEPTH,
  requireReadable,
  unreadable,
} from './limits.ts'
import { deliveryOf } from './reports/read-report.ts'
import { snippetOf } from './snippet.ts'
import { oneLine, storable } from './text.ts'

const MAX_NAME = 255

const sha256 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

const attachmentOf = (part: Attachment): ParsedAttachment => {
  const content = typeof part.content === 'string' ? Buffer.from(part.content) : new Uint8Array(part.content)
  const name = oneLine(part.filename ?? '', MAX_NAME)
  const contentId = idIn(part.contentId ?? '')
  return {
    name: name === '' ? null : name,
    contentType: oneLine(part.mimeType, MAX_NAME),
    size: content.byteLength,
    contentId: contentId === '' ? null : contentId,
    inline: part.disposition === 'inline' || part.related === true,
    blob: sha256(content),
    content,
  }
}

/** The same wherever the mail lies: what its sender wrote, less how servers fold and space it. */
const identityOf = (fields: readonly HeaderField[], body: Uint8Array): string => {
  const written = ['from', 'date', 'subject'].map((name) => oneLine(first(fields, name), 10_000))
  return sha256(JSON.stringify([idIn(first(fields, 'message-id')), ...written]), '\n', body)
}

const defectsOf = (fields: readonly HeaderField[], header: Uint8Array, sentAt: string | null): string[] => {
  const missing = ['message-id', 'from', 'date'].filter((name) => first(fields, name) === '')
  return [
    ...missing.map((name) => `${name}-missing`),
    ...(sentAt === null && !missing.includes('date') ? ['date-invalid'] : []),
    ...(isAscii(header) ? [] : ['header-not-ascii']),
    ...(header.includes(0) ? ['header-has-nul'] : []),
  ]
}

/**
 * Reads a mail (RFC 5322, RFC 2045 to 2049). Enclosed mails stay attachments: what they say is not said by this one.
 * @throws UnreadableMail beyond the limits; errors of the parser as they are
 */
export const readMail = async (raw: Uint8Array<ArrayBuffer>): Promise<ParsedMail> => {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  requireReadable(bytes)
  const start = bodyStart(bytes)
  const [header, body] = [bytes.subarray(0, start), bytes.subarray(start)]
  const fields = headerFields(header)
  const [from = [], to = [], cc = [], replyTo = []] = ['from', 'to', 'cc', 'reply-to'].map((name) =>
    mailboxesIn(fields, name),
  )
  if (from.length + to.length + cc.length + replyTo.length > MAX_ADDRESSES)
    throw unreadable('too-many-addresses')
  const subject = subjectIn(fields)
  const sentAt = instantIn(first(fields, 'date'))
  const identity = identityOf(fields, body)
  // The parser would read every field again, and most are none of its business.
  const parsed = await PostalMime.parse(Buffer.concat([contentHeader(header), body]), {
    forceRfc822Attachments: true,
    maxNestingDepth: MAX_DEPTH,
    maxHeadersSize: MAX_ALL_HEADER_BYTES,
  })
  const text = parsed.text === undefined ? null : storable(parsed.text)
  const html = parsed.html === undefined ? null : storable(parsed.html)
  const attachments = parsed.attachments.map(attachmentOf)
  const delivery = deliveryOf({ fields, subject, text, html, parts: attachments, body })
  return {
    identity,
    header: {
      messageId: idIn(first(fields, 'message-id')),
      inReplyTo: idsIn(first(fields, 'in-reply-to')),
      references: idsIn(first(fields, 'references')),
      subject,
      from,
      to,
      cc,
      replyTo,
    },
    sentAt,
    text,
    html,
    hasHtml: html !== null,
    snippet: snippetOf(text, html),
    attachments,
    automatic: delivery === null ? automaticOf(fields, subject) : 'report',
    delivery,
    trailId: oneLine(first(fields, 'x-mailtrail-id'), 100) || null,
    defects: defectsOf(fields, header, sentAt),
  }
}
