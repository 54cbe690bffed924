import { first, headerFields, mailboxesIn, type HeaderField } from '../header-fields.ts'
import { referencesIn } from '../message-ids.ts'
import { bodyStart } from '../limits.ts'
import { oneLine } from '../text.ts'
import type { Notice, Part } from './report.ts'

/** Only this much of an enclosed mail is looked at: its header. */
const MAX_ENCLOSED_BYTES = 65_536

const ENCLOSED = [
  'message/rfc822',
  'message/global',
  'text/rfc822-headers',
  'message/rfc822-headers',
  'message/global-headers',
  'text/rfc822-header',
  'message/partial',
  'text/rfc822',
]

const NAMES =
  'received|return-path|message-id|date|from|to|cc|subject|mime-version|x-[\\w-]+|dkim-signature|arc-[\\w-]+|' +
  'content-[\\w-]+|user-agent|sender|reply-to|delivered-to|authentication-results|domainkey-signature|references|in-reply-to'
const FIELD = new RegExp(`^(${NAMES})[ \\t]*:`, 'i')
/** Fields that a notice itself has no reason to write at the beginning of a line, in a block with others. */
const TELLING = /^(?:received|return-path|message-id|mime-version|dkim-signature|x-received|arc-seal)$/i
const MIN_FIELDS = 3
/** How much of a header is read to see that it is one. */
const MAX_HEADER_LINES = 60

/** What separates a notice from the mail below it. */
const DIVIDER =
  /^[\s>]*(?:-{2,}|_{5,}|={5,}|\*{5,}|#{5,})|(?:original|returned|unsent|undelivered|copy of (?:the|your)|below (?:this line )?is a copy|header of the|headers? follow|message header|message follows|text of your message|ursprüngliche)\b.*[:.-]*\s*$/i

type Split = { readonly notice: string[]; readonly quoted: string[] }

/** Whether a header begins here: several fields in a row, at least one of which occurs only in the header of a mail. */
const beginsHeader = (lines: readonly string[], at: number): boolean => {
  if (!FIELD.test(lines[at] ?? '')) return false
  const names = new Set<string>()
  for (let next = at; next < Math.min(lines.length, at + MAX_HEADER_LINES); next += 1) {
    const line = lines[next] ?? ''
    if (line === '' || names.size > 12) break
    const name = FIELD.exec(line)?.[1]?.toLowerCase()
    if (name !== undefined) names.add(name)
    // Not every name is known, but a header consists only of fields and their continuations.
    else if (!/^[ \t]|^[\w-]{1,40}:/.test(line)) break
  }
  const telling = [...names].some((name) => TELLING.test(name))
  return (telling && names.size >= 2) || (names.size > MIN_FIELDS && names.has('from') && names.has('date'))
}

/** Separates the words of a mail system from the header that it quotes below them. */
export const splitNotice = (written: readonly string[]): Split => {
  const quotation = written.filter((line) => line.startsWith('>')).length > MIN_FIELDS
  const lines = quotation ? written.map((line) => line.replace(/^> ?/, '')) : written
  for (const at of lines.keys()) {
    if (!beginsHeader(lines, at)) continue
    const above = lines.slice(0, at)
    while (above.length > 0 && above.at(-1)?.trim() === '') above.pop()
    if (DIVIDER.test(above.at(-1) ?? '')) above.pop()
    return { notice: above, quoted: lines.slice(at) }
  }
  return { notice: [...lines], quoted: [] }
}

const isMailHeader = (fields: readonly HeaderField[]): boolean =>
  fields.some(({ name }) => /^(?:message-id|received|from|subject|to|date)$/.test(name))

/** The header of an enclosed mail, and the bytes after it. */
const openEnclosed = ({ content }: Part): { fields: HeaderField[]; body: Buffer } => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  // Some begin with an empty line, or with the envelope line of a mailbox.
  const text = bytes.subarray(0, MAX_ENCLOSED_BYTES).toString('latin1')
  const start = /^(?:\s*\n)?(?:>?From [^\n]*\n)?/.exec(text)?.[0].length ?? 0
  const header = Buffer.from(text.slice(start).replaceAll(/\r(?!\n)/g, '\n'), 'latin1')
  const end = bodyStart(header)
  return { fields: headerFields(header.subarray(0, end)), body: bytes.subarray(start + end) }
}

const isEnclosed = ({ contentType }: Part): boolean => ENCLOSED.includes(contentType)

/** A report that another system forwards in a notice that says nothing itself. */
export const enclosedReport = (parts: readonly Part[]): { fields: HeaderField[]; body: Buffer } | null =>
  parts
    .filter(isEnclosed)
    .map(openEnclosed)
    .find(({ fields }) => /^multipart\/report/i.test(first(fields, 'content-type'))) ?? null

/** The header of the mail that a report returns: from an enclosed part, or else as quoted in its text. */
export const quotedHeader = (parts: readonly Part[], quoted: readonly string[]): HeaderField[] => {
  const isText = ({ contentType }: Part): boolean => /^text\/|^application\/octet/.test(contentType)
  const candidates = [...parts.filter(isEnclosed), ...parts.filter(isText)]
  for (const part of candidates) {
    const { fields } = openEnclosed(part)
    if (isMailHeader(fields)) return fields
  }
  const end = quoted.indexOf('')
  return headerFields(Buffer.from((end === -1 ? quoted : quoted.slice(0, end)).join('\n')))
}

/** Where notices name the mail they are about without quoting it. */
const NAMED =
  /message[- ]?id(?:entifier)?(?: of the original(?: message)?)?["']?\s*[:=]?\s*(?:is\s+)?<?([^\s<>"'(),;]{1,200}@[^\s<>"'(),;]{1,255})>?/i
const OUR_FIELD = /x-mailtrail-id:\s*(out_\w{26})/i

/** The ids of the mail that a report is about: its Message-ID and our X-Mailtrail-Id. */
export const originalIds = ({
  fields,
  quoted,
  lines,
}: Notice): { readonly messageId: string | null; readonly trailId: string | null } => {
  const text = lines.join('\n')
  const [inHeader] = referencesIn(first(quoted, 'message-id'))
  const [answered] = [
    ...referencesIn(first(fields, 'in-reply-to')),
    ...referencesIn(first(fields, 'references')),
  ]
  const inText = NAMED.exec(text)?.[1]
  const trail = first(quoted, 'x-mailtrail-id') || (OUR_FIELD.exec(text)?.[1] ?? '')
  return { messageId: inHeader ?? inText ?? answered ?? null, trailId: oneLine(trail, 100) || null }
}

/** The recipient of the mail, if it had only one. */
export const onlyRecipient = (quoted: readonly HeaderField[]): string | null => {
  const [to, cc] = [mailboxesIn(quoted, 'to'), mailboxesIn(quoted, 'cc')]
  const [only] = to
  return to.length === 1 && cc.length === 0 && only?.address.includes('@') ? only.address : null
}
