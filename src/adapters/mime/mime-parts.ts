import { bodyStart, MAX_ALL_HEADER_BYTES, MAX_DEPTH, MAX_PARTS, unreadable } from './limits.ts'
import { fieldsOf, first, type RawField } from './header-fields.ts'
import { parameter, structured, type Structured } from './parameters.ts'

/**
 * A node in the tree of a mail (RFC 2046 5.1): `body` is everything between its header and the line break before the
 * next boundary, as sent. A part without sub-parts has no `parts`.
 */
export type MimePart = {
  readonly fields: readonly RawField[]
  readonly type: Structured
  body: Buffer
  readonly parts: MimePart[]
}

type Open = { readonly boundary: string; readonly part: MimePart }

/** A line that may begin with a boundary, and which of the open boundaries it is. */
type Delimiter = {
  readonly at: number
  readonly next: number
  readonly level: number
  readonly closing: boolean
}

const DASH = 0x2d
const LF = 0x0a
const CR = 0x0d

const lineEnd = (bytes: Buffer, at: number): number => {
  const end = bytes.indexOf(LF, at)
  return end === -1 ? bytes.length : end
}

/** Which boundary the line at this offset is, innermost first (RFC 2046 5.1.2); null if it is none. */
const delimiterAt = (bytes: Buffer, at: number, open: readonly Open[]): Delimiter | null => {
  if (bytes[at] !== DASH || bytes[at + 1] !== DASH || open.length === 0) return null
  const end = lineEnd(bytes, at)
  const line = bytes.toString('latin1', at + 2, Math.min(end, at + 2 + 300)).trimEnd()
  const next = Math.min(end + 1, bytes.length)
  for (let level = open.length - 1; level >= 0; level--) {
    const boundary = open[level]?.boundary
    if (line === boundary) return { at, next, level, closing: false }
    if (line === `${boundary}--`) return { at, next, level, closing: true }
  }
  return null
}

const nextDelimiter = (bytes: Buffer, from: number, open: readonly Open[]): Delimiter | null => {
  const here = delimiterAt(bytes, from, open)
  if (here !== null || open.length === 0) return here
  for (let at = bytes.indexOf('\n--', from); at !== -1; at = bytes.indexOf('\n--', at + 3)) {
    const found = delimiterAt(bytes, at + 1, open)
    if (found !== null) return found
  }
  return null
}

/** Where the header that begins here ends: after its empty line, or where a boundary cuts it off. */
const headerEnd = (bytes: Buffer, from: number, open: readonly Open[]): number => {
  for (let at = from; at < bytes.length; at = lineEnd(bytes, at) + 1) {
    if (bytes[at] === LF) return at + 1
    if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2
    if (delimiterAt(bytes, at, open) !== null) return at
    if (at - from > MAX_ALL_HEADER_BYTES) throw unreadable('headers-too-large')
  }
  return bytes.length
}

const TEXT = 'text/plain'
const TYPE = /^[^\s/;]+\/[^\s/;]+$/

/**
 * The type of a part: plain text if it states nothing useful (RFC 2045 5.2), a mail within a digest (RFC 2046 5.1.5).
 */
const typeOf = (fields: readonly RawField[], parent: string): Structured => {
  const written = structured(first(fields, 'content-type'))
  if (TYPE.test(written.value)) return written
  const value = written.value === '' && parent === 'multipart/digest' ? 'message/rfc822' : TEXT
  return { value, params: written.params }
}

/** The line break before a boundary belongs to the boundary. */
const withoutBreak = (bytes: Buffer, start: number, end: number): Buffer => {
  const lf = end > start && bytes[end - 1] === LF ? 1 : 0
  const cr = lf === 1 && end - 1 > start && bytes[end - 2] === CR ? 1 : 0
  return bytes.subarray(start, end - lf - cr)
}

/**
 * The tree of a mail's parts. Enclosed mails are leaves. A multipart without parts is treated as text, so that nothing
 * written is hidden.
 * @throws UnreadableMail beyond the limits
 */
export const mimeTree = (bytes: Buffer): MimePart => {
  const open: Open[] = []
  let count = 0
  let headers = 0

  /** Reads the part that begins here and returns where its body begins. */
  const begin = (at: number): { part: MimePart; start: number } => {
    const parent = open.at(-1)?.part
    const start = parent ? headerEnd(bytes, at, open) : bodyStart(bytes)
    headers += start - at
    if (headers > MAX_ALL_HEADER_BYTES) throw unreadable('headers-too-large')
    const fields = fieldsOf(bytes.subarray(at, start))
    const part: MimePart = {
      fields,
      type: typeOf(fields, parent?.type.value ?? ''),
      body: bytes.subarray(0, 0),
      parts: [],
    }
    if (parent) {
      parent.parts.push(part)
      if (++count > MAX_PARTS) throw unreadable('too-many-parts')
    }
    const boundary = part.type.value.startsWith('multipart/')
      ? parameter(part.type, 'boundary', '').trimEnd()
      : ''
    if (boundary !== '' && open.push({ boundary, part }) > MAX_DEPTH) throw unreadable('too-deep')
    return { part, start }
  }

  const root = begin(0)
  let current: { part: MimePart; start: number } | null = root
  for (let from = root.start; ;) {
    const found = nextDelimiter(bytes, from, open)
    if (current)
      current.part.body = found ? withoutBreak(bytes, current.start, found.at) : bytes.subarray(current.start)
    if (found === null) return root.part
    open.length = found.level + (found.closing ? 0 : 1)
    current = found.closing ? null : begin(found.next)
    from = current?.start ?? found.next
  }
}
