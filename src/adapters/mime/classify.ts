import type { DeliveryStatus, ParsedMail } from '../../commands/ports/parser.ts'
import { first, headerFields, idIn, type HeaderField } from './header-fields.ts'
import { oneLine } from './text.ts'

/** A part as far as reports care. */
export type Part = { readonly contentType: string; readonly content: Uint8Array }

type Recipient = DeliveryStatus['recipients'][number]

const MAX_RECIPIENTS = 1000
/** RFC 5321 4.5.3.1: 64 before the @, 255 after it. */
const MAX_ADDRESS_BYTES = 320

/** How answering machines of large systems begin their subjects, for those that mark nothing in the header. */
const AUTOMATIC_SUBJECT =
  /^(?:automatic reply|automatische antwort|réponse automatique|respuesta automática|risposta automatica|resposta automática|automatisch antwoord|automatiskt svar|autosvar|automaattinen vastaus|odpowiedź automatyczna|автоответ|自動応答|自动答复|out of office)\s*[::]/iu

const isAction = (text: string): text is Recipient['action'] =>
  ['failed', 'delayed', 'delivered', 'relayed', 'expanded'].includes(text)

/** Mail that no person wrote to this recipient (RFC 3834, and what came before and beside it); null for all other. */
export const automaticOf = (fields: readonly HeaderField[], subject: string): ParsedMail['automatic'] => {
  const has = (name: string): boolean => fields.some((field) => field.name === name)
  const word = (name: string): string => first(fields, name).toLowerCase()
  if (/^multipart\/report\b/i.test(first(fields, 'content-type'))) return 'report'
  const daemon = /(?:^|[<\s"])(?:mailer-daemon|postmaster)@/i.test(first(fields, 'from'))
  if (daemon && (/^<\s*>/.test(first(fields, 'return-path')) || has('x-failed-recipients'))) return 'report'
  const submitted = word('auto-submitted')
  if (/^auto-replied\b/.test(submitted) || AUTOMATIC_SUBJECT.test(subject)) return 'auto-reply'
  if (has('x-autoreply') || has('x-autorespond') || word('precedence') === 'auto_reply') return 'auto-reply'
  const machine = (submitted !== '' && !/^no\b/.test(submitted)) || has('x-auto-response-suppress')
  if (machine && has('in-reply-to')) return 'auto-reply'
  if (has('list-id') || word('precedence') === 'list') return 'list'
  if (machine || has('list-unsubscribe') || /^(?:bulk|junk)$/.test(word('precedence'))) return 'bulk'
  return null
}

/** The fields of each block of a delivery-status part: the first is about the report, the rest about a recipient each. */
const blocksOf = ({ content }: Part): HeaderField[][] =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    .toString('latin1')
    .split(/\r?\n(?:[ \t]*\r?\n)+/)
    .map((block) => headerFields(Buffer.from(block, 'latin1')))

/** `rfc822; bob@example.org`, in so many bytes that what a report says of all its recipients fits into one event. */
const addressIn = (value: string): string => {
  const address = Buffer.from(oneLine(value.replace(/^[^;]*;/, '').replace(/[<>]/g, '')))
  return address
    .subarray(0, MAX_ADDRESS_BYTES)
    .toString()
    .replace(/\ufffd$/, '')
}

const recipientIn = (fields: readonly HeaderField[]): Recipient | null => {
  const address = addressIn(first(fields, 'original-recipient') || first(fields, 'final-recipient'))
  const action = first(fields, 'action').toLowerCase().split(/\s/, 1)[0] ?? ''
  if (address === '' || !isAction(action)) return null
  return { address, action, status: /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(first(fields, 'status'))?.[0] ?? null }
}

/** The mail that a report is about, as far as it is enclosed. */
const originalId = (parts: readonly Part[]): string | null => {
  const enclosed = parts.find(({ contentType }) =>
    ['message/rfc822', 'text/rfc822-headers', 'message/rfc822-headers', 'message/global'].includes(
      contentType,
    ),
  )
  if (enclosed === undefined) return null
  const { buffer, byteOffset, byteLength } = enclosed.content
  return (
    idIn(first(headerFields(Buffer.from(buffer, byteOffset, Math.min(byteLength, 65_536))), 'message-id')) ||
    null
  )
}

/** What a mail says of the delivery of another (RFC 3464; X-Failed-Recipients of Exim for want of it); null for others. */
export const deliveryOf = (fields: readonly HeaderField[], parts: readonly Part[]): DeliveryStatus | null => {
  const status = parts.find(({ contentType }) => contentType === 'message/delivery-status')
  const failed = first(fields, 'x-failed-recipients')
    .split(',')
    .map(addressIn)
    .filter((address) => address !== '')
  const recipients =
    status === undefined
      ? failed.map((address) => ({ address, action: 'failed' as const, status: null }))
      : blocksOf(status)
          .map(recipientIn)
          .filter((recipient) => recipient !== null)
  if (recipients.length === 0) return null
  return { originalMessageId: originalId(parts), recipients: recipients.slice(0, MAX_RECIPIENTS) }
}
