import { decodeBytes } from './charsets.ts'

/** A file in a winmail.dat. */
export type TnefFile = {
  readonly name: string
  readonly contentType: string
  readonly contentId: string
  readonly content: Buffer
}

const SIGNATURE = 0x223e9f78
const MAX_FILES = 200
const MAX_NESTED = 5
const MAX_PROPERTIES = 2000

const RENDERING = 0x00069002
const TITLE = 0x00018010
const DATA = 0x0006800f
const PROPERTIES = 0x00069005
const CODE_PAGE = 0x00069007

/** The properties of an attachment that describe it (MS-OXPROPS). */
const FILE_NAME = 0x3704
const LONG_FILE_NAME = 0x3707
const DISPLAY_NAME = 0x3001
const MIME_TAG = 0x370e
const CONTENT_ID = 0x3712
const CONTENT = 0x3701

type Found = { title: string; data: Buffer | null; properties: Map<number, Property> }
type Property = { readonly type: number; readonly value: Buffer }

/** The length of values of the fixed types (MS-OXCDATA 2.11.1), padded to four bytes. */
const FIXED: Record<number, number> = {
  0x02: 4,
  0x03: 4,
  0x04: 4,
  0x05: 8,
  0x06: 8,
  0x07: 8,
  0x0a: 4,
  0x0b: 4,
  0x14: 8,
  0x40: 8,
  0x48: 16,
}
const OBJECT = 0x0d
const UNICODE = 0x1f
const VARIABLE = [OBJECT, 0x1e, UNICODE, 0x0102]

/** Reads forwards; past the end it throws RangeError, as Buffer does. */
const reader = (bytes: Buffer) => {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new RangeError('The structure ends early')
    at += length
    return bytes.subarray(at - length, at)
  }
  return {
    atEnd: () => at >= bytes.length,
    take,
    uint8: () => take(1).readUInt8(),
    uint16: () => take(2).readUInt16LE(),
    uint32: () => take(4).readUInt32LE(),
  }
}
type Reader = ReturnType<typeof reader>

const padded = (from: Reader): Buffer => {
  const length = from.uint32()
  const value = from.take(length)
  from.take((4 - (length % 4)) % 4)
  return value
}

/** The value of one property, the first if it has several; null for a type of unknown length. */
const valueOf = (from: Reader, type: number): Buffer | null => {
  const single = type & 0x0fff
  const fixed = FIXED[single]
  const isVariable = VARIABLE.includes(single)
  if (fixed === undefined && !isVariable) return null
  const count = (type & 0x1000) !== 0 || isVariable ? from.uint32() : 1
  if (count > MAX_PROPERTIES) throw new RangeError('More values than there can be')
  const values = Array.from({ length: count }, () => (fixed === undefined ? padded(from) : from.take(fixed)))
  return values[0] ?? Buffer.alloc(0)
}

/** The properties of an attachment (MS-OXTNEF 2.1.3.4), as far as they can be read. */
const propertiesOf = (bytes: Buffer): Map<number, Property> => {
  const from = reader(bytes)
  const found = new Map<number, Property>()
  tolerate(() => {
    const count = Math.min(from.uint32(), MAX_PROPERTIES)
    for (let left = count; left > 0; left--) {
      const type = from.uint16()
      const id = from.uint16()
      if (id >= 0x8000) {
        from.take(16)
        if (from.uint32() === 0) from.take(4)
        else padded(from)
      }
      const value = valueOf(from, type)
      if (value === null) return
      found.set(id, { type, value })
    }
  })
  return found
}

/** Whatever was read before the structure broke off is kept. */
const tolerate = (work: () => void): void => {
  try {
    work()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}

/** Whether these bytes are a winmail.dat. */
export const isTnef = (bytes: Buffer): boolean => bytes.length >= 6 && bytes.readUInt32LE() === SIGNATURE

/**
 * The files in a winmail.dat, in which Outlook and Exchange put the attachments of rich text mail (MS-OXTNEF),
 * including those of an enclosed mail. If it is damaged, as many as can be read.
 */
export const tnefFiles = (bytes: Buffer, depth = 0): TnefFile[] => {
  const attachments: Found[] = []
  let codePage = 'windows-1252'
  const from = reader(bytes.subarray(6))
  tolerate(() => {
    while (!from.atEnd() && attachments.length <= MAX_FILES) {
      from.uint8()
      const attribute = from.uint32()
      const value = from.take(from.uint32())
      from.take(2)
      const last = attachments.at(-1)
      if (attribute === CODE_PAGE) codePage = `cp${value.readUInt32LE()}`
      else if (attribute === RENDERING) attachments.push({ title: '', data: null, properties: new Map() })
      else if (last && attribute === TITLE) last.title = ended(decodeBytes(value, codePage))
      else if (last && attribute === DATA) last.data = value
      else if (last && attribute === PROPERTIES) last.properties = propertiesOf(value)
    }
  })
  return attachments.slice(0, MAX_FILES).flatMap((found) => filesOf(found, codePage, depth))
}

const filesOf = ({ title, data, properties }: Found, codePage: string, depth: number): TnefFile[] => {
  const text = (id: number): string => {
    const property = properties.get(id)
    if (!property) return ''
    return ended(decodeBytes(property.value, (property.type & 0xfff) === UNICODE ? 'utf-16le' : codePage))
  }
  const content = properties.get(CONTENT)
  // An object begins with the id of its class; if it is a mail, a structure of its own follows.
  const inner = (content?.type ?? 0) === OBJECT ? content?.value.subarray(16) : undefined
  if (inner && isTnef(inner)) return depth < MAX_NESTED ? tnefFiles(inner, depth + 1) : []
  const bytes = data ?? inner ?? content?.value
  if (!bytes) return []
  return [
    {
      name: text(LONG_FILE_NAME) || text(FILE_NAME) || title || text(DISPLAY_NAME),
      contentType: text(MIME_TAG) || 'application/octet-stream',
      contentId: text(CONTENT_ID),
      content: bytes,
    },
  ]
}

const ended = (text: string): string => text.replace(/\0[^]*$/, '')
