import { decodeBytes } from '../charsets.ts'
import { first, headerFields } from '../header-fields.ts'
import { bodyStart } from '../limits.ts'
import type { Part } from './report.ts'

/** Reports are short; a large one is large because of what it returns, which comes last. */
const MAX_BYTES = 262_144
const MAX_PARTS = 20

/** A line that looks like a boundary, before a line that looks like the header of a part. */
const BOUNDARY = /^--[^\s-][^\n]{2,100}\r?\n(?=content-[\w-]+[ \t]*:)|^--[^\n]{3,100}--[ \t]*\r?$/gim

const decoded = (body: Buffer, encoding: string): Buffer => {
  if (/base64/i.test(encoding)) return Buffer.from(body.toString('latin1'), 'base64')
  if (!/quoted-printable/i.test(encoding)) return body
  const text = body.toString('latin1').replaceAll(/[ \t]*=[ \t]*\r?\n/g, '')
  const byte = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16))
  return Buffer.from(text.replaceAll(/=([0-9a-f]{2})/gi, byte), 'latin1')
}

const partOf = (text: string): Part => {
  const bytes = Buffer.from(text, 'latin1')
  const start = bodyStart(bytes)
  const fields = headerFields(bytes.subarray(0, start))
  const contentType = (
    /^[\w-]+\/[\w.+-]+/.exec(first(fields, 'content-type'))?.[0] ?? 'text/plain'
  ).toLowerCase()
  return { contentType, content: decoded(bytes.subarray(start), first(fields, 'content-transfer-encoding')) }
}

/** The parts of a body whose header has a wrong boundary or none: whatever looks like parts. */
export const salvagedParts = (body: Uint8Array): Part[] => {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, MAX_BYTES)).toString(
    'latin1',
  )
  const pieces = text.split(BOUNDARY).slice(1, MAX_PARTS)
  return pieces.filter((piece) => /^content-/i.test(piece)).map(partOf)
}

/** The text of such a body: its first text part, or else all of it. */
export const salvagedText = (body: Uint8Array, parts: readonly Part[]): string => {
  const part = parts.find(({ contentType }) => contentType === 'text/plain')
  const bytes = part?.content ?? body
  return decodeBytes(Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MAX_BYTES)), '')
}
