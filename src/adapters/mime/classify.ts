import type { DeliveryStatus } from '../../commands/ports/parser.ts'
import { first, headerFields, type HeaderField } from './header-fields.ts'
import { idIn } from './message-ids.ts'
import { oneLine } from './text.ts'

/** A part as far as reports care. */
export type Part = { readonly contentType: string; readonly content: Uint8Array }

type Recipient = DeliveryStatus['recipients'][number]

const MAX_RECIPIENTS = 1000
/** RFC 5321 4.5.3.1: 64 before the @, 255 after it. */
const MAX_ADDRESS_BYTES = 320

const isAction = (text: string): text is Recipient['action'] =>
  ['failed', 'delayed', 'delivered', 'relayed', 'expanded'].includes(text)

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
