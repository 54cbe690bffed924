import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { ParsedMail } from '../../commands/ports/parser.ts'
import { attachmentsOf } from './attachments.ts'
import { automaticOf } from './automatic.ts'
import { bodyTexts } from './body-text.ts'
import { instantIn } from './dates.ts'
import { decodeFields, first, mailboxesIn, subjectIn, type HeaderField } from './header-fields.ts'
import { sortParts, textCharset } from './leaves.ts'
import { bodyStart, MAX_ADDRESSES, requireReadable, unreadable } from './limits.ts'
import { idIn, inReplyToIn, referencesIn } from './message-ids.ts'
import { mimeTree } from './mime-parts.ts'
import { deliveryOf } from './reports/read-report.ts'
import { snippetOf } from './snippet.ts'
import { oneLine, storable } from './text.ts'
import { wordsOfMail } from './words/words-of-mail.ts'

/** Equal wherever the mail is: what its sender wrote, without differences of folding and spacing between servers. */
const identityOf = (fields: readonly HeaderField[], body: Uint8Array): string => {
  const written = ['from', 'date', 'subject'].map((name) => oneLine(first(fields, name), 10_000))
  return createHash('sha256')
    .update(JSON.stringify([idIn(first(fields, 'message-id')), ...written]))
    .update('\n')
    .update(body)
    .digest('hex')
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

const stored = (text: string | null): string | null => (text === null ? null : storable(text))

/**
 * Reads a mail (RFC 5322, RFC 2045 to 2049). Enclosed mails stay attachments: what they say is not part of this mail.
 * @throws UnreadableMail beyond the limits
 */
export const readMail = (raw: Uint8Array): ParsedMail => {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  requireReadable(bytes)
  const tree = mimeTree(bytes)
  const leaves = sortParts(tree)
  const around = textCharset(tree)
  const start = bodyStart(bytes)
  const [headBytes, body] = [bytes.subarray(0, start), bytes.subarray(start)]
  const fields = decodeFields(tree.fields, around)
  const [from = [], to = [], cc = [], replyTo = []] = ['from', 'to', 'cc', 'reply-to'].map((name) =>
    mailboxesIn(fields, name, around),
  )
  if (from.length + to.length + cc.length + replyTo.length > MAX_ADDRESSES)
    throw unreadable('too-many-addresses')
  const subject = subjectIn(fields, around)
  const sentAt = instantIn(first(fields, 'date'))
  const shown = bodyTexts(leaves.texts, around)
  const [text, html] = [stored(shown.text), stored(shown.html)]
  const attachments = attachmentsOf(leaves.files, html, around)
  const delivery = deliveryOf({ fields, subject, text, html, parts: attachments, body })
  const header = {
    messageId: idIn(first(fields, 'message-id')),
    inReplyTo: inReplyToIn(first(fields, 'in-reply-to')),
    references: referencesIn(first(fields, 'references')),
    subject,
    from,
    to,
    cc,
    replyTo,
  }
  return {
    identity: identityOf(fields, body),
    header,
    sentAt,
    text,
    html,
    hasHtml: html !== null,
    snippet: snippetOf(text, html),
    attachments,
    automatic: delivery === null ? automaticOf(fields, subject) : 'report',
    delivery,
    trailId: oneLine(first(fields, 'x-mailtrail-id'), 100) || null,
    defects: defectsOf(fields, headBytes, sentAt),
    search: wordsOfMail({
      header,
      bcc: mailboxesIn(fields, 'bcc', around).slice(0, MAX_ADDRESSES),
      text,
      html,
      attachments,
      contentLanguage: first(fields, 'content-language'),
    }),
  }
}
