import { fieldsOf, first } from '../mime/header-fields.ts'
import { parameter, structured } from '../mime/parameters.ts'
import { decodeTransfer } from '../mime/transfer.ts'
import type { GraphClient } from './client.ts'
import { messagePath } from './messages.ts'
import { unavailable } from './problems.ts'

/** The largest mail that fits into a request of 4 MB in base64. */
const MOST_MIME_BYTES = 3_000_000
/** Larger attachments have to be uploaded in ranges: multiples of 320 KiB, up to 4 MB. */
const MOST_INLINE_BYTES = 3_000_000
const RANGE_BYTES = 10 * 320 * 1024

type Attachment = { readonly name: string; readonly contentType: string; readonly bytes: Buffer }
type Part = { readonly whole: Buffer; readonly attachment: Attachment | null }

/** A mail as Graph takes it: in one request, and what has to be attached to that afterwards. */
type Split = { readonly mime: Buffer; readonly attachments: readonly Attachment[] }

/**
 * Takes the largest attachments out of a mail until the rest is small enough (RFC 2046 5.1.3).
 * @throws MailUnavailable where it does not get small enough
 */
export const splitMail = (mime: Buffer): Split => {
  if (mime.length <= MOST_MIME_BYTES) return { mime, attachments: [] }
  const { head, parts, tail } = partsOf(mime)
  const taken = new Set<Part>()
  let left = mime.length
  for (const part of parts.toSorted((a, b) => b.whole.length - a.whole.length)) {
    if (left <= MOST_MIME_BYTES) break
    if (part.attachment === null) continue
    taken.add(part)
    left -= part.whole.length
  }
  if (left > MOST_MIME_BYTES) throw unavailable('outlook-too-large')
  const kept = parts.filter((part) => !taken.has(part)).map(({ whole }) => whole)
  return {
    mime: Buffer.concat([head, ...kept, tail]),
    attachments: parts.flatMap((part) => (taken.has(part) && part.attachment ? [part.attachment] : [])),
  }
}

/** `head` ends before the first boundary, `tail` begins with the closing one. */
const partsOf = (mime: Buffer): { head: Buffer; parts: Part[]; tail: Buffer } => {
  const type = structured(first(fieldsOf(headOf(mime)), 'content-type'))
  const boundary = parameter(type, 'boundary', '')
  if (type.value !== 'multipart/mixed' || boundary === '')
    return { head: mime, parts: [], tail: Buffer.alloc(0) }
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  const starts: number[] = []
  for (let at = mime.indexOf(delimiter); at !== -1; at = mime.indexOf(delimiter, at + 1)) starts.push(at)
  const wholes = starts.slice(0, -1).map((start, index) => mime.subarray(start, starts[index + 1]))
  return {
    head: mime.subarray(0, starts[0]),
    parts: wholes.map((whole) => ({ whole, attachment: attachmentIn(whole.subarray(delimiter.length + 2)) })),
    tail: mime.subarray(starts.at(-1)),
  }
}

const headOf = (part: Buffer): Buffer => {
  const end = part.indexOf('\r\n\r\n')
  return end === -1 ? part : part.subarray(0, end + 4)
}

const attachmentIn = (part: Buffer): Attachment | null => {
  const head = headOf(part)
  const fields = fieldsOf(head)
  const disposition = structured(first(fields, 'content-disposition'))
  if (disposition.value !== 'attachment') return null
  const type = structured(first(fields, 'content-type'))
  return {
    name: parameter(disposition, 'filename', '') || parameter(type, 'name', '') || 'attachment',
    contentType: type.value,
    bytes: decodeTransfer(part.subarray(head.length), first(fields, 'content-transfer-encoding')),
  }
}

/** Attaches a file to a draft; a large one by an upload session. @throws MailUnavailable, GraphRefusal */
export const attach = async (
  client: GraphClient,
  draftId: string,
  { name, contentType, bytes }: Attachment,
): Promise<void> => {
  const path = `${messagePath(draftId)}/attachments`
  if (bytes.length <= MOST_INLINE_BYTES) {
    const file = { '@odata.type': '#microsoft.graph.fileAttachment', name, contentType }
    const body = { ...file, contentBytes: bytes.toString('base64') }
    await client.ask({ method: 'POST', path, body })
    return
  }
  const body = { AttachmentItem: { attachmentType: 'file', name, contentType, size: bytes.length } }
  const session = await client.ask({ method: 'POST', path: `${path}/createUploadSession`, body })
  const { uploadUrl } = session as { uploadUrl?: string }
  if (uploadUrl?.startsWith('https://') !== true) throw unavailable('outlook-answer-unknown')
  for (let from = 0; from < bytes.length; from += RANGE_BYTES) {
    const range = bytes.subarray(from, from + RANGE_BYTES)
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Range': `bytes ${from}-${from + range.length - 1}/${bytes.length}`,
    }
    await client.ask({ method: 'PUT', path: uploadUrl, body: range, headers })
  }
}
